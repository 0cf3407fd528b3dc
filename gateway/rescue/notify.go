package rescue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// Rules of telling the operator.
const (
	noticeAnswer  = 5 * time.Second // for a channel's connector to acknowledge
	noticePause   = time.Second     // after the first failure; doubled each time
	noticePauseTo = 5 * time.Minute
	noticeLives   = 24 * time.Hour
	commandTime   = 10 * time.Second // when the config says nothing
	commandOutput = 4 << 10          // bytes of it that are kept
	maxAnnounced  = 64               // announcements at most; more at once are not sent
)

// announcement is an incident as the operator is told of it.
type announcement struct {
	incident *msg.Incident // only for the watch loop
	event    string        // open, held, resolved
	body     json.RawMessage
	text     string
	id       string
}

// notice is a message for a chat, kept until its channel took it.
type notice struct {
	ID      string    `json:"id"`
	Channel string    `json:"channel"`
	Out     msg.Out   `json:"out"`
	Created time.Time `json:"created"`
	Tries   int       `json:"tries"`

	due time.Time
}

// notify has the operator told.
func (s *Server) notify(i *msg.Incident, event string) {
	body, err := json.Marshal(i)
	if err != nil {
		s.cfg.Log.Error("operator not told", "incident", i.ID, "err", err)
		return
	}
	select {
	case s.announce <- announcement{i, event, body, s.wording(i, event), i.ID}:
	default:
		s.cfg.Log.Error("operator not told: too much to tell at once", "incident", i.ID, "event", event)
	}
}

// wording is what a chat shows.
func (s *Server) wording(i *msg.Incident, event string) string {
	more := fmt.Sprintf("\n%s, incident %s", s.cfg.Subjects.Profile(), i.ID)
	switch event {
	case "resolved":
		return i.Result + ". It was: " + i.Summary + more
	case "held":
		return i.Peer + " needs you: " + i.Actions[len(i.Actions)-1].Why + ". " + i.Summary + more
	}
	return i.Summary + more
}

// courier tells the operator, one thing after the other, until ctx ends.
func (s *Server) courier(ctx context.Context) {
	notices := s.notices()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			for len(s.announce) > 0 { // for the next life
				s.address(<-s.announce, time.Now())
			}
			return
		case a := <-s.announce:
			s.runCommand(ctx, a)
			notices = append(notices, s.address(a, time.Now())...)
		case <-timer.C:
		}
		notices = slices.DeleteFunc(notices, func(n *notice) bool { return s.deliver(ctx, n) })
		if len(notices) > 0 {
			next := slices.MinFunc(notices, func(a, b *notice) int { return a.due.Compare(b.due) })
			timer.Reset(time.Until(next.due))
		}
	}
}

// notices are those that an earlier life left.
func (s *Server) notices() []*notice {
	bodies, err := s.book.bodies(kindNotice)
	if err != nil {
		s.cfg.Log.Error("notices of before", "err", err)
	}
	var list []*notice
	for _, body := range bodies {
		var n notice
		if err := json.Unmarshal(body, &n); err == nil {
			list = append(list, &n)
		}
	}
	slices.SortFunc(list, func(a, b *notice) int { return cmp.Compare(a.Out.Seq, b.Out.Seq) })
	return list
}

// address makes the notices of an announcement and keeps them. Their numbers are
// times, far above those of the agent's own answers on the same channel.
func (s *Server) address(a announcement, now time.Time) []*notice {
	var list []*notice
	for k, target := range s.cfg.Settings().Notify.Channels {
		n := &notice{
			ID: fmt.Sprintf("%s-%s-%d", a.id, a.event, k), Channel: target.Channel, Created: now,
			Out: msg.Out{Seq: uint64(now.UnixMilli()) + uint64(k), To: target.To, Text: a.text},
		}
		s.keep(kindNotice, n.ID, n)
		list = append(list, n)
	}
	return list
}

// deliver hands the notice to its channel when it is due, and says whether it is
// done with: taken, or too old.
func (s *Server) deliver(ctx context.Context, n *notice) bool {
	now := time.Now()
	if now.Before(n.due) {
		return false
	}
	subj, err := s.cfg.Subjects.Out(n.Channel)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, noticeAnswer)
		err = bus.Call(ctx, s.nc, subj, n.Out, nil)
		cancel()
	}
	switch {
	case err == nil:
	case now.Sub(n.Created) < noticeLives:
		n.due = now.Add(min(noticePause<<min(n.Tries, 16), noticePauseTo))
		if n.Tries++; n.Tries == 1 {
			s.cfg.Log.Warn("notice waits for its channel", "channel", n.Channel, "err", err)
		}
		return false
	default:
		s.cfg.Log.Error("notice given up", "channel", n.Channel, "notice", n.ID, "err", err)
	}
	s.book.put(kindNotice, n.ID, nil)
	return true
}

// runCommand runs the operator's program with the record on its standard input.
// That it failed is told in the log and in the record.
func (s *Server) runCommand(ctx context.Context, a announcement) {
	n := s.cfg.Settings().Notify
	if len(n.Command) == 0 {
		return
	}
	err := execute(ctx, n, s.cfg.Environ, a.body)
	if err == nil || ctx.Err() != nil {
		return
	}
	s.cfg.Log.Error("rescue.notify.command", "incident", a.id, "err", err)
	_ = s.call(ctx, func(now time.Time) error { // fails only at the end
		a.incident.Timeline = append(a.incident.Timeline, msg.Moment{At: now.UnixMilli(), What: "the operator was not told: " + err.Error()})
		s.save(a.incident)
		return nil
	})
}

// execute runs the program without a shell, in the environment given and no other.
func execute(ctx context.Context, n config.Notify, environ []string, stdin []byte) error {
	limit := cmp.Or(time.Duration(n.TimeoutMs)*time.Millisecond, commandTime)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.Command[0], n.Command[1:]...)
	out := &head{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), out, out
	cmd.Env = append([]string{}, environ...) // nil would be all of ours
	ownGroup(cmd)
	cmd.WaitDelay = time.Second // for a child of it that keeps the output open
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s took longer than %s", n.Command[0], limit)
	case len(out.kept) > 0:
		return fmt.Errorf("%s: %w: %s", n.Command[0], err, bytes.TrimSpace(out.kept))
	}
	return fmt.Errorf("%s: %w", n.Command[0], err)
}

// head keeps the first bytes that are written to it.
type head struct{ kept []byte }

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(len(p), commandOutput-len(h.kept))]...)
	return len(p), nil
}
