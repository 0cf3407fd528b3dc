package rescue

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/tape"
)

// maxTimeline bounds an incident that goes on for days, in lines.
const maxTimeline = 200

// attend keeps the incident of a peer in step with what is seen of it, and acts
// on it.
func (s *Server) attend(ctx context.Context, t *track, now time.Time) {
	d, i := s.dossiers[t.name], s.instances[t.name]
	d.forget(now)
	if running(t.peer.Verdict) && fallback(t) != d.explained {
		d.explained = ""
	}
	troubles := t.troubles(now)
	if d.incident != nil && !d.closing {
		if result := d.over(t, troubles); result != "" {
			s.conclude(ctx, d, t, result, now)
		} else {
			d.served = time.Time{}
		}
	}
	if d.incident == nil {
		troubles = slices.DeleteFunc(troubles, func(tr trouble) bool { return tr.kind == msg.KindBadConfig && fallback(t) == d.explained })
		if len(troubles) == 0 || i.InMaintenance(now) {
			return
		}
		s.open(ctx, d, t, troubles[0], now)
	}
	if d.peer.Profile == "" { // the incident is of an earlier life of this observer
		d.peer = i
	}
	if !d.fatal {
		d.next = "it runs: a restart is not what it lacks"
		return
	}
	s.count(ctx, d, t, i, now)
	s.treat(ctx, d, t, now)
}

// fallback names what the peer runs in place of its file, "" when it runs that.
func fallback(t *track) string {
	if t.beat.Source == string(config.FromFile) {
		return ""
	}
	return fmt.Sprintf("%s %d", t.beat.Source, t.beat.Generation)
}

// over says how the open incident ended, "" when it has not.
func (d *dossier) over(t *track, troubles []trouble) string {
	v := t.peer.Verdict
	same := slices.ContainsFunc(troubles, func(tr trouble) bool { return tr.kind == d.incident.Kind })
	switch {
	case v == msg.VerdictStopped:
		return t.name + " was stopped in order"
	case d.fatal && t.serves():
		return t.name + " serves again"
	case !d.fatal && fatal(v):
		return "then " + t.name + " failed: " + t.peer.Reason
	case !d.fatal && running(v) && !same:
		return "it is over"
	}
	return ""
}

// open begins a record.
func (s *Server) open(ctx context.Context, d *dossier, t *track, tr trouble, now time.Time) {
	d.began, d.what, d.boot, d.fatal, d.taken = now, tr.what, t.beat.Boot, fatal(t.peer.Verdict), false
	if d.fatal || tr.kind == msg.KindLinkOnly {
		d.began = now.Add(-t.sinceTrouble(now))
	}
	d.evidence, d.custody, d.statusErr, d.counted, d.peer = Evidence{}, custody{}, nil, proc.Identity{}, profile.Instance{}
	detect := now.Sub(d.began).Milliseconds()
	d.incident = &msg.Incident{
		ID: incidentID(t.name, now), Observer: s.cfg.Subjects.Profile(), Peer: t.name, Kind: tr.kind, State: msg.IncidentOpen,
		Summary: tr.what, Began: d.began.UnixMilli(), Detected: d.began.UnixMilli() + detect, DetectMs: detect,
		Verdict: t.peer.Verdict, Witnesses: slices.Clone(t.peer.Evidence), Actions: []msg.Action{}, Timeline: []msg.Moment{},
	}
	d.note(d.began, "first sign of trouble")
	d.note(now, string(t.peer.Verdict)+": "+t.peer.Reason)
	s.cfg.Log.Warn("incident", "id", d.incident.ID, "kind", d.incident.Kind, "summary", tr.what)
	s.save(d.incident)
	if !d.fatal {
		s.inquire(ctx, d, t, func(time.Time) {
			s.save(d.incident)
			s.notify(d.incident, "open")
		})
	}
}

func incidentID(peer string, now time.Time) string {
	var tail [2]byte
	_, _ = rand.Read(tail[:]) // never fails, see crypto/rand
	return now.UTC().Format("20060102-150405.000-") + peer + "-" + hex.EncodeToString(tail[:])
}

// count notes how the peer is judged, and a process that failed, once.
func (s *Server) count(ctx context.Context, d *dossier, t *track, i profile.Instance, now time.Time) {
	v := t.peer.Verdict
	if v != d.seenAs || v == msg.VerdictStarting && t.peer.Reason != d.seenWhy {
		if d.seenAs != "" { // the first one is in the record
			d.note(now, string(v)+": "+t.peer.Reason)
			s.save(d.incident)
		}
		d.seenAs, d.seenWhy = v, t.peer.Reason
	}
	failed := t.failed(i.Process)
	if !fatal(v) || failed == d.counted {
		return
	}
	// That an earlier life of this observer saw it fail is no second failure.
	if seen := d.taken && d.counted == (proc.Identity{}) && len(d.failures) > 0; !seen {
		f := failure{at: now}
		if !t.readyAt.IsZero() && failed.PID == t.beat.PID {
			f.served = now.Sub(t.readyAt)
		}
		d.failures = append(d.failures, f)
	}
	d.counted, d.peer, d.leased = failed, i, time.Time{}
	d.peer.Process = failed
	d.incident.Verdict = v
	if d.asked = (time.Time{}); !d.custody.stopping {
		d.custody = custody{}
	}
	s.gather(ctx, d, t, now)
}

// evidenceDeadline bounds how long the evidence may take.
const evidenceDeadline = 3 * time.Second

// gather has the evidence collected and takes it in.
func (s *Server) gather(ctx context.Context, d *dossier, t *track, now time.Time) {
	if d.gathering {
		return
	}
	peer, since, id, step, verdict := d.peer, d.began, d.incident.ID, t.seen.start.step, t.peer.Verdict
	d.gathering, d.gathered = true, now
	s.background(func() func(time.Time) {
		ctx, cancel := context.WithTimeout(ctx, evidenceDeadline)
		defer cancel()
		e := s.cfg.Hands.Evidence(ctx, peer, since)
		return func(now time.Time) {
			d.gathering = false
			if !d.has(id) {
				return
			}
			s.learn(d, e, cause(verdict, e, step), now)
			if d.counted != peer.Process { // it failed once more meanwhile
				s.gather(ctx, d, t, now)
			}
		}
	})
}

// learn takes evidence into the record.
func (s *Server) learn(d *dossier, e Evidence, cause string, now time.Time) {
	i, first := d.incident, d.incident.Fingerprint == ""
	for n := len(d.failures) - 1; n >= 0 && d.failures[n].cause == ""; n-- {
		d.failures[n].cause = cause
	}
	if reflect.DeepEqual(e, d.evidence) && cause == i.Fingerprint {
		return
	}
	said := d.evidence.sentences()
	for _, sentence := range e.sentences() {
		if !slices.Contains(said, sentence) {
			d.note(now, sentence)
		}
	}
	d.evidence = e
	i.Exit, i.LastLog, i.Fingerprint = e.Exit, e.LastLog, cause
	if e.Config != nil {
		i.Config = e.Config
	}
	i.Stacks = orElse(e.Stacks, i.Stacks)
	d.classify()
	i.Summary = summary(d.what, e)
	s.save(i)
	if first {
		s.notify(i, "open")
	}
}

// sentences are the evidence as the timeline tells it.
func (e Evidence) sentences() []string {
	list := e.parts()
	for _, note := range e.Notes {
		list = append(list, "not known: "+note)
	}
	return list
}

// classify names the kind of the open incident by all that is known of it.
func (d *dossier) classify() {
	n := d.alike()
	if exit := d.evidence.Exit; d.custody.gaveUp && exit != nil {
		n = max(n, exit.Restart)
	}
	d.incident.Kind = classify(d.incident.Kind, d.evidence, d.custody.gaveUp, n)
}

// alike counts the failures of the last one's cause.
func (d *dossier) alike() int {
	n := 0
	for _, f := range d.failures {
		if f.cause == d.failures[len(d.failures)-1].cause {
			n++
		}
	}
	return n
}

// conclude closes the record, with what the peer says of itself when it runs. The
// outcome of a repair that is under way belongs into it.
func (s *Server) conclude(ctx context.Context, d *dossier, t *track, result string, now time.Time) {
	if d.served.IsZero() {
		d.served = now
	}
	if d.busy != "" {
		return
	}
	if !running(t.peer.Verdict) {
		s.resolve(d, t, result, d.served)
		return
	}
	d.closing = true
	s.inquire(ctx, d, t, func(time.Time) {
		if c := d.incident.Config; c != nil && c.Source == string(config.FromFallback) {
			d.explained = fallback(t)
			if d.fatal {
				d.incident.Kind = msg.KindBadConfig
				d.incident.Summary = summary(d.what, Evidence{Exit: d.incident.Exit, Config: c})
				result = fmt.Sprintf("%s on generation %d, instead of its config file", result, c.Generation)
			}
		}
		s.resolve(d, t, result, d.served)
	})
}

// resolve ends the record; at is when the peer served again.
func (s *Server) resolve(d *dossier, t *track, result string, at time.Time) {
	i := d.incident
	i.State, i.RecoverMs = msg.IncidentResolved, at.Sub(d.began).Milliseconds()
	i.Ended = i.Began + i.RecoverMs
	i.Result = fmt.Sprintf("%s after %s", result, short(at.Sub(d.began)))
	if d.fatal && len(i.Actions) == 0 && d.peer.Manager != "" && t.serves() && t.beat.Boot != d.boot {
		i.Result += ", started by " + managerName(d.peer.Manager)
	}
	d.note(at, i.Result)
	if d.hold != nil && d.hold.By == byRescue {
		d.note(at, "repairs are no longer held")
		s.setHold(d, t.name, nil)
	}
	if err := s.withdraw(d); err != nil {
		s.cfg.Log.Warn("boot directive not withdrawn", "peer", t.name, "err", err)
	}
	s.cfg.Log.Info("incident is over", "id", i.ID, "result", i.Result)
	s.save(i)
	s.notify(i, "resolved")
	d.incident, d.served, d.closing, d.next, d.seenAs, d.seenWhy = nil, time.Time{}, false, "", "", ""
}

// withdraw takes back a directive of the incident that no start has followed: the
// next one may be a person's, much later.
func (s *Server) withdraw(d *dossier) error {
	directed := slices.ContainsFunc(d.incident.Actions, func(a msg.Action) bool { return a.What == string(generation) || a.What == string(safeMode) })
	if !directed || d.peer.StateDir == "" {
		return nil
	}
	return s.cfg.Registry.WithdrawDirective(d.peer, d.incident.ID)
}

// save publishes a record and keeps it, its secrets taken out: log lines and
// differences of configs come from files that may hold any.
func (s *Server) save(i *msg.Incident) {
	safe, err := tape.Safe(s.redactor(), *i)
	if err != nil { // plain structs always encode
		s.cfg.Log.Error("incident not kept", "id", i.ID, "err", err)
		return
	}
	*i = safe
	body := s.keep(kindIncident, i.ID, i)
	if body == nil {
		return
	}
	if err := s.nc.Publish(s.event, body); err != nil {
		s.cfg.Log.Warn("incident not published", "id", i.ID, "err", err)
	}
}

// redactor knows the secrets of now.
func (s *Server) redactor() *tape.Redactor {
	if s.cfg.Secrets == nil {
		return tape.NewRedactor(nil)
	}
	return tape.NewRedactor(s.cfg.Secrets())
}

// keep has v written to the store, soon, and returns it as it is written.
func (s *Server) keep(kind, id string, v any) json.RawMessage {
	body, err := json.Marshal(v)
	if err != nil { // plain structs always encode
		s.cfg.Log.Error("not kept", "kind", kind, "id", id, "err", err)
		return nil
	}
	s.book.put(kind, id, body)
	return body
}
