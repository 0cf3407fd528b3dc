package rescue

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile"
)

// receive takes in a beat or the news of a lost link.
func (s *Server) receive(m *nats.Msg, now time.Time) {
	if peer, ok := bus.LinkLostPeer(m.Subject); ok {
		if t := s.tracks[peer]; t != nil {
			t.lostLink(now)
		}
		return
	}
	var b msg.Beat
	name := subject.BeatOf(m.Subject)
	if err := json.Unmarshal(m.Data, &b); err != nil || b.Profile != name {
		s.cfg.Log.Warn("a beat makes no sense", "peer", name, "err", err)
		return
	}
	t := s.tracks[name]
	if t == nil {
		return
	}
	if b.Boot != t.beat.Boot && b.Boot != s.instances[name].Boot && now.Sub(s.refreshed) >= lookEvery {
		s.refresh(now) // a new life enters itself there before it beats, but the news of that may be slower
	}
	if wrong := t.observe(b, s.instances[name].Boot, now); wrong != "" && t.lies.first(wrong) {
		s.cfg.Log.Warn("a beat is not believed", "peer", name, "why", wrong, "boot", b.Boot, "seq", b.Seq)
	}
}

// refresh follows the registry: peers that came, went or moved.
func (s *Server) refresh(now time.Time) {
	s.refreshed = now
	found, err := s.cfg.Registry.ByBus(s.instances)
	if complaint := fmt.Sprint(err); complaint != s.complaint {
		s.complaint = complaint
		if err != nil {
			s.cfg.Log.Warn("host registry", "err", err)
		}
	}
	s.instances = found
	s.linked = found[s.cfg.Subjects.Profile()].LinkAddr != ""
	for name, i := range found {
		if s.tracks[name] == nil && s.watches(i) {
			s.tracks[name], s.dossiers[name] = newTrack(name, now), s.leftOf(name)
			delete(s.left, name)
			s.publish(s.tracks[name])
		}
	}
	for name, t := range s.tracks {
		if s.watches(found[name]) {
			continue
		}
		if d := s.dossiers[name]; d.incident != nil {
			s.resolve(d, t, name+" is not watched any more", now)
		}
		delete(s.tracks, name)
		delete(s.dossiers, name)
	}
}

func (s *Server) watches(i profile.Instance) bool {
	return i.Bus != "" && i.Bus != s.cfg.Subjects.Profile() && (s.cfg.Allowed == nil || s.cfg.Allowed(i.Profile))
}

// look judges every peer, asks the silent ones, sees to those in trouble and
// returns when to look again.
func (s *Server) look(ctx context.Context, now time.Time) time.Duration {
	for name, t := range s.tracks {
		if t.wantsWitnesses(now) {
			i := s.instances[name]
			t.seen.witnessProcess(i, t.beat.PID, now)
			t.seen.witnessStart(i, t.beat, now)
			t.seen.linkOff = i.Process.PID != 0 && (i.LinkAddr == "" || !s.linked)
			s.question(ctx, name, t, now)
		}
		if t.update(now) {
			s.say(t)
			s.publish(t)
		}
		s.attend(ctx, t, now)
	}
	return s.nextLook(now)
}

func (s *Server) nextLook(now time.Time) time.Duration {
	for _, t := range s.tracks {
		if t.urgent(now) {
			return lookSoon
		}
	}
	return lookEvery
}

// question starts a round of questions unless one is under way, or was a moment
// ago, or nothing can come of it.
func (s *Server) question(ctx context.Context, name string, t *track, now time.Time) {
	if t.asking || now.Sub(t.asked) < askEvery || t.seen.linkOff || t.seen.process == processGone || t.seen.process == processUnknown {
		return
	}
	peer, err := subject.New(name)
	if err != nil { // the registry only holds checked names
		return
	}
	t.asking, t.asked = true, now
	instance := s.instances[name]
	s.background(func() func(time.Time) {
		r := s.ask(ctx, peer, instance, now)
		return func(time.Time) { s.hear(r) }
	})
}

// hear takes in the answers of a round, unless a beat came or this observer
// doubted itself after it was begun.
func (s *Server) hear(r round) {
	t := s.tracks[r.peer]
	if t == nil {
		return
	}
	t.asking = false
	if t.since().After(r.asked) {
		return
	}
	t.seen.ping, t.seen.healthz = heard(t.seen.ping, r.ping), heard(t.seen.healthz, r.healthz)
}

func (s *Server) doubt(now time.Time, late time.Duration) {
	s.cfg.Log.Info("this observer was late and clears its suspicions", "late", late.Round(time.Millisecond))
	for _, t := range s.tracks {
		t.doubt(now)
	}
}

func (s *Server) say(t *track) {
	level := slog.LevelInfo
	if v := t.peer.Verdict; v == msg.VerdictDown || v == msg.VerdictHung || v == msg.VerdictSuspect {
		level = slog.LevelWarn
	}
	attrs := []any{"reason", t.peer.Reason}
	if t.peer.DetectMs > 0 {
		attrs = append(attrs, "detectMs", t.peer.DetectMs)
	}
	s.cfg.Log.Log(context.Background(), level, "peer "+t.name+" is "+string(t.peer.Verdict), attrs...)
}

func (s *Server) publish(t *track) {
	subj, err := s.cfg.Subjects.Peer(t.name)
	if err != nil { // the registry only holds checked names
		return
	}
	body, err := json.Marshal(t.peer)
	if err == nil {
		err = s.nc.Publish(subj, body)
	}
	if err != nil {
		s.cfg.Log.Warn("verdict not published", "peer", t.name, "err", err)
	}
}

func (s *Server) peers(now time.Time) []msg.Peer {
	list := make([]msg.Peer, 0, len(s.tracks))
	for _, t := range s.tracks {
		p := t.peer
		if !t.lastLife.IsZero() {
			p.LastBeatMs = now.Sub(t.lastLife).Milliseconds()
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b msg.Peer) int { return cmp.Compare(a.Profile, b.Profile) })
	return list
}
