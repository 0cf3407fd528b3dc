package cron

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// outcome is how a run went.
type outcome struct {
	status  string // msg.CronOK, msg.CronError
	err     string
	summary string // as the history has it: not longer than maxSummary
	full    string // the whole answer
}

const (
	patience   = 30 * time.Second // for an owner that is not there, or is built anew
	pause      = 250 * time.Millisecond
	waitSlice  = 30 * time.Second           // of agent.wait: an agent that was built anew is asked again
	askTime    = waitSlice + 15*time.Second // for one answer
	turnTime   = 10 * time.Minute           // of a turn without timeoutSeconds
	maxSummary = 2000                       // characters
	maxPost    = 8000                       // characters of a full post without a limit of its own
	maxWake    = 8192                       // bytes that wake takes
	mainPrefix = "Cron"
)

// work does one run.
func (s *Server) work(ctx context.Context, j job) {
	out, err := s.perform(ctx, j)
	if ctx.Err() != nil {
		return // cut off: the next life takes it up
	}
	if err != nil {
		out.status, out.err = msg.CronError, shorten(err.Error(), maxSummary)
	}
	s.finish(j, s.cfg.Now().UnixMilli(), out)
}

// perform asks for what the job does, and waits for it.
func (s *Server) perform(ctx context.Context, j job) (outcome, error) {
	key := fmt.Sprintf("cron:%s:%d", j.ID, j.Claim.DueMs)
	if j.Payload.Kind == msg.CronSystemEvent {
		err := s.ask(ctx, "wake", msg.Wake{Mode: j.WakeMode, Text: j.Payload.Text, IdempotencyKey: key}, nil)
		return outcome{status: msg.CronOK, summary: shorten(j.Payload.Text, maxSummary)}, err
	}
	out, err := s.takeTurn(ctx, j, key)
	if postErr := s.post(ctx, j, key, out, err); err == nil && postErr != nil {
		err = fmt.Errorf("the turn is done, but the main session was not told: %w", postErr)
	}
	return out, err
}

// takeTurn has the agent answer the job's message, in the job's own session.
func (s *Server) takeTurn(ctx context.Context, j job, key string) (outcome, error) {
	p := j.Payload
	limit := j.limit()
	turn := msg.AgentRun{
		Message: p.Message, AgentID: j.AgentID, SessionKey: "cron:" + j.ID, Model: p.Model, Thinking: p.Thinking,
		Deliver: p.To != "", Channel: p.Channel, To: p.To, BestEffortDeliver: p.BestEffortDeliver,
		Timeout: int64(limit / time.Second), Lane: name, IdempotencyKey: key,
	}
	if p.Deliver != nil {
		turn.Deliver = *p.Deliver
	}
	var accepted msg.AgentAccepted
	if err := s.ask(ctx, "agent", turn, &accepted); err != nil {
		return outcome{}, err
	}
	for deadline := time.Now().Add(limit); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return outcome{}, fmt.Errorf("the turn took longer than %s", limit)
		}
		var done msg.AgentDone
		wait := msg.AgentWait{RunID: accepted.RunID, TimeoutMs: max(min(left, waitSlice).Milliseconds(), 1)}
		if err := s.ask(ctx, "agent.wait", wait, &done); err != nil {
			return outcome{}, err
		}
		if done.Status != "timeout" {
			return turned(done)
		}
		if err := rest(ctx); err != nil { // whoever answers at once is not asked in a tight loop
			return outcome{}, err
		}
	}
}

// turned is how a turn that has ended went.
func turned(done msg.AgentDone) (outcome, error) {
	if done.Status != msg.CronOK {
		return outcome{}, errors.New(cmp.Or(done.Error, done.Summary, "the turn failed"))
	}
	var texts []string
	if done.Result != nil {
		for _, p := range done.Result.Payloads {
			texts = append(texts, p.Text)
		}
	}
	answer := strings.Join(texts, "\n\n")
	return outcome{status: msg.CronOK, summary: shorten(answer, maxSummary), full: answer}, nil
}

// post tells the main session how the turn of an isolated job ended.
func (s *Server) post(ctx context.Context, j job, key string, out outcome, failed error) error {
	i := msg.CronIsolation{}
	if j.Isolation != nil {
		i = *j.Isolation
	}
	prefix, text := cmp.Or(strings.TrimSpace(i.PostToMainPrefix), mainPrefix), out.summary
	switch {
	case failed != nil:
		prefix, text = prefix+" (error)", shorten(failed.Error(), maxSummary)
	case i.PostToMainMode == "full" && out.full != "":
		text = shorten(out.full, min(cmp.Or(i.PostToMainMaxChars, maxPost), maxPost))
	}
	text = cut(prefix+": "+cmp.Or(strings.TrimSpace(text), "done"), maxWake)
	return s.ask(ctx, "wake", msg.Wake{Mode: j.WakeMode, Text: text, IdempotencyKey: key + ":post"}, nil)
}

// ask requests a method. An owner that is not there, or that ended while it was
// asked, has some time to come back; each request carries a key, so that it is
// done once.
func (s *Server) ask(ctx context.Context, method string, in, out any) error {
	subj, err := s.cfg.Subjects.RPC(method)
	if err != nil {
		return err
	}
	for began := time.Now(); ; {
		err := s.askOnce(ctx, subj, in, out)
		var refused *bus.Error
		again := errors.Is(err, context.DeadlineExceeded) || errors.As(err, &refused) && refused.Retryable
		if !again || time.Since(began) > patience {
			return err
		}
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

// rest waits for a pause, or returns why ctx ended.
func rest(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

func (s *Server) askOnce(ctx context.Context, subj string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return bus.Call(ctx, s.nc, subj, in, out)
}

// shorten cuts a text after at most n characters.
func shorten(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:max(n-1, 0)]) + "…"
}

// cut cuts a text after at most n bytes.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}
