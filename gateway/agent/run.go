package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// What a run is.
const (
	runWaiting = "waiting" // nothing was done yet
	runRunning = "running"
	runOK      = "ok"
	runError   = "error"
	runAborted = "aborted"
)

// Why a run's context ended before it.
var (
	errAborted  = errors.New("aborted")
	errStopping = errors.New("the agent stops")
)

const interrupted = "interrupted by a restart"

// maxAnswer is how much of an answer is kept and told, in bytes: an event, which
// holds it twice, must fit the bus with every character escaped.
const (
	maxAnswer = 64 << 10
	wasCut    = "\n[cut: the answer is longer than 64 KiB]"
)

// run is one run as it is stored, under its id.
type run struct {
	ID         string `json:"id"`
	Method     string `json:"method"` // that began it: chat.send, agent, wake, send, in
	SessionKey string `json:"sessionKey"`
	Status     string `json:"status"`
	AcceptedAt int64  `json:"acceptedAt"`
	StartedAt  int64  `json:"startedAt,omitempty"`
	EndedAt    int64  `json:"endedAt,omitempty"`
	Ask        ask    `json:"ask,omitzero"` // until it has ended
	Text       string `json:"text,omitempty"`
	Error      string `json:"error,omitempty"`
	Out        uint64 `json:"out,omitempty"` // send: the number of what it sent
}

func (r run) ended() bool { return r.Status != runWaiting && r.Status != runRunning }

// ask is what a run is to answer.
type ask struct {
	SessionID string   `json:"sessionId"`         // the session's when it was accepted
	Number    uint64   `json:"number"`            // of its message there
	Message   string   `json:"message,omitempty"` // "" of a wake
	Events    []string `json:"events,omitempty"`
	Thinking  string   `json:"thinking,omitempty"`
	Model     string   `json:"model,omitempty"`
	System    string   `json:"system,omitempty"`
	TimeoutMs int64    `json:"timeoutMs,omitempty"`
	Deliver   *route   `json:"deliver,omitempty"` // nil: the answer stays in the session
	InReply   uint64   `json:"inReply,omitempty"` // in: the message that it answers
}

// route is where an answer is delivered.
type route struct {
	Channel string `json:"channel"`
	To      string `json:"to,omitempty"`
	Thread  string `json:"thread,omitempty"`
}

// submit stores a run and its message, and queues it. A run that is known under
// the id already is returned as it is, and known says so. more, unless nil,
// stores what else belongs to a new run, and may complete it.
func (a *Agent) submit(r *run, more func(tx *store.Tx, s *session) error) (_ run, known bool, err error) {
	if err := a.reserveLane(r.SessionKey); err != nil {
		if old, e := a.runs.Get(r.ID); e == nil { // who asks again needs no place
			return old, true, nil
		}
		return run{}, false, err
	}
	var t *turn
	var is run
	err = a.store.Update(func(tx *store.Tx) error {
		is, err = a.runs.With(tx).Get(r.ID)
		if known = err == nil; known || !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := a.write(tx, r, more); err != nil {
			return err
		}
		is, t = *r, a.lineUp(r.ID, r.SessionKey)
		return nil
	})
	a.settle(t, err == nil)
	a.leaveLane(r.SessionKey)
	return is, known, a.stored("run", err)
}

// write stores a new run and its message. One that says stop ends those before it.
func (a *Agent) write(tx *store.Tx, r *run, more func(tx *store.Tx, s *session) error) error {
	if isStop(r.Ask.Message) {
		a.abort(r.SessionKey, "")
	}
	r.Status, r.AcceptedAt = runWaiting, time.Now().UnixMilli()
	s, err := a.sessionIn(tx, r.SessionKey)
	if err != nil {
		return err
	}
	if more != nil {
		if err := more(tx, &s); err != nil {
			return err
		}
	}
	r.Ask.SessionID, r.Ask.Number = s.SessionID, s.Next
	if r.Ask.Message == "" {
		err = a.sessions.With(tx).Put(r.SessionKey, s)
	} else {
		m := message("user", r.Ask.Message, r.AcceptedAt)
		m.RunID = r.ID
		err = a.put(tx, r.SessionKey, &s, m)
	}
	if err != nil {
		return err
	}
	return a.runs.With(tx).Put(r.ID, *r)
}

// stored tells the health what a write came to, and makes an error of the store
// one that a caller understands. A refusal from within the write stays.
func (a *Agent) stored(what string, err error) error {
	if refused, ok := errors.AsType[*bus.Error](err); ok {
		return refused
	}
	a.noteStore(err)
	if err != nil {
		return bus.Errorf(bus.CodeUnavailable, "%s not stored: %v", what, err)
	}
	return nil
}

// begin stores that the run is under way, and gives it what its session was told
// meanwhile.
func (a *Agent) begin(r *run) (settings msg.SessionSettings, err error) {
	err = a.store.Update(func(tx *store.Tx) error {
		r.Status, r.StartedAt = runRunning, time.Now().UnixMilli()
		s, err := a.sessionIn(tx, r.SessionKey)
		if err != nil {
			return err
		}
		settings = s.SessionSettings
		events, err := a.takeEvents(tx, r.SessionKey)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := a.put(tx, r.SessionKey, &s, message("system", e.Text, e.At)); err != nil {
				return err
			}
			r.Ask.Events = append(r.Ask.Events, e.Text)
		}
		return a.runs.With(tx).Put(r.ID, *r)
	})
	return settings, err
}

// respond has the run answered.
func (a *Agent) respond(t *turn, r *run) (string, error) {
	if cause := context.Cause(t.ctx); cause != nil { // while it waited
		return "", cause
	}
	settings, err := a.begin(r)
	if err != nil {
		return "", a.stored("run", err)
	}
	t.tell.start(*r)
	k := r.Ask
	limit := cmp.Or(time.Duration(k.TimeoutMs)*time.Millisecond, a.limits.RunTime)
	ctx, cancel := context.WithTimeoutCause(t.ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	text, err := a.responder.Respond(ctx, Prompt{
		RunID: r.ID, SessionKey: r.SessionKey, AgentID: agentOf(r.SessionKey),
		Message: k.Message, Events: k.Events, Thinking: k.Thinking, Model: k.Model, System: k.System, Settings: settings,
		History: func(n int) ([]msg.ChatMessage, error) { return a.historyBefore(t.key, k, n) },
	}, t.tell.delta)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if len(text) > maxAnswer {
		text = clip(text, maxAnswer-len(wasCut)) + wasCut
	}
	return text, err
}

// historyBefore returns the messages that came before the one that is asked.
func (a *Agent) historyBefore(key string, k ask, n int) ([]msg.ChatMessage, error) {
	s, err := a.sessions.Get(key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case s.SessionID != k.SessionID: // it began anew since
		return nil, nil
	}
	return a.last(s, min(k.Number, s.Next), n, a.room())
}

// finish stores how the run ended, with its answer in the session and what goes
// out, in one update, and tells it. A run that ends because the agent stops is
// left as it is. An error says that a channel's message still waits for its
// answer.
func (a *Agent) finish(t *turn, r run, text string, failed error) error {
	if errors.Is(failed, errStopping) {
		return nil
	}
	r.EndedAt, r.Text, r.Status = time.Now().UnixMilli(), text, runOK
	switch {
	case errors.Is(failed, errAborted):
		r.Status = runAborted
	case failed != nil:
		r.Status, r.Error = runError, failed.Error()
	}
	out, q, err := a.outgoing(&r)
	if err != nil {
		r.Status, r.Error = runError, "the answer is not delivered: "+err.Error()
	}
	seq, err := a.writeEnd(r, out)
	if q != nil {
		a.releaseOut(q, seq)
	}
	a.noteStore(err)
	switch {
	case err != nil && r.Ask.InReply != 0:
		return err
	case err != nil:
		r.Status, r.Error = runError, "the answer is not stored: "+err.Error()
	case r.Ask.InReply != 0:
		a.answered(r.Ask.Deliver.Channel, seq)
	case r.Method == "wake":
		a.publish("heartbeat", heartbeatOf(r))
	}
	t.tell.end(r)
	return nil
}

// outgoing returns what the run sends on a channel, nil when that is nothing, and
// a place for it in the channel's queue.
func (a *Agent) outgoing(r *run) (*outbound, *queue, error) {
	to := r.Ask.Deliver
	text := r.Text
	if r.Status == runError && r.Ask.InReply != 0 { // who wrote should not wait for ever
		text = strings.TrimSpace(text + "\nThis could not be answered: " + r.Error)
	}
	if to == nil || r.Status == runAborted || text == "" {
		return nil, nil, nil
	}
	out := &outbound{
		Channel: to.Channel, At: r.EndedAt,
		Out: msg.Out{InReply: r.Ask.InReply, To: to.To, Thread: to.Thread, Text: text},
	}
	if r.Ask.InReply != 0 { // its message has the place
		return out, nil, nil
	}
	q, err := a.reserve(to.Channel)
	if err != nil {
		return nil, nil, err
	}
	return out, q, nil
}

// writeEnd stores an ended run. It returns the number of out, 0 without one.
func (a *Agent) writeEnd(r run, out *outbound) (seq uint64, err error) {
	asked := r.Ask
	r.Ask = ask{}
	err = a.store.Update(func(tx *store.Tx) error {
		s, err := a.sessionIn(tx, r.SessionKey)
		if err != nil {
			return err
		}
		s.AbortedLastRun = r.Status == runAborted
		if err := a.put(tx, r.SessionKey, &s, answerOf(r)); err != nil {
			return err
		}
		if out != nil {
			if seq, err = a.out.With(tx).Append(*out); err != nil {
				return err
			}
		}
		switch {
		case asked.InReply != 0:
			err = a.in.With(tx).Delete(asked.InReply)
		case r.Method == "wake":
			err = a.changeHeartbeats(tx, func(h *heartbeats) { h.Last = heartbeatOf(r) })
		}
		if err != nil {
			return err
		}
		return a.runs.With(tx).Put(r.ID, r)
	})
	if err != nil {
		return 0, err
	}
	a.countEnd()
	return seq, nil
}

// countEnd has ended runs forgotten now and then.
func (a *Agent) countEnd() {
	if n := a.ends.Add(1); n%uint64(max(a.limits.MaxRuns/8, 1)) == 0 {
		signal(a.prune)
	}
}

// answerOf is the message that a run leaves in its session.
func answerOf(r run) msg.ChatMessage {
	m := message("assistant", r.Text, r.EndedAt)
	m.RunID, m.ErrorMessage = r.ID, r.Error
	if r.Status != runOK {
		m.StopReason = r.Status
	}
	return m
}

// loadRuns takes up what an earlier life left: what was not begun is queued
// again, and so is what a channel waits for; else what was under way is told as
// interrupted.
func (a *Agent) loadRuns() error {
	var waiting []run
	for e, err := range a.runs.All() {
		r := e.Value
		switch {
		case err != nil:
			return err
		case r.Status == runRunning && r.Ask.InReply == 0:
			a.interrupted = append(a.interrupted, r)
		case !r.ended():
			waiting = append(waiting, r)
		}
	}
	for i := range a.interrupted {
		r := &a.interrupted[i]
		r.Status, r.Error, r.EndedAt = runError, interrupted, time.Now().UnixMilli()
		if _, err := a.writeEnd(*r, nil); err != nil {
			return err
		}
	}
	slices.SortFunc(waiting, func(a, b run) int {
		return cmp.Or(cmp.Compare(a.AcceptedAt, b.AcceptedAt), cmp.Compare(a.Ask.Number, b.Ask.Number))
	})
	for _, r := range waiting {
		a.lineUp(r.ID, r.SessionKey).stored = true
	}
	return nil
}

// tellInterrupted publishes how the runs ended that loadRuns ended.
func (a *Agent) tellInterrupted() {
	for _, r := range a.interrupted {
		t := teller{agent: a, runID: r.ID, key: r.SessionKey}
		t.end(r)
	}
	a.interrupted = nil
}

// forgetRuns removes ended runs that are too old or too many.
func (a *Agent) forgetRuns(now time.Time) error {
	type row struct {
		id string
		at int64
	}
	var rows []row
	for e, err := range a.runs.All() {
		if err != nil {
			return err
		}
		if e.Value.ended() {
			rows = append(rows, row{e.ID, e.Value.EndedAt})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(b.at, a.at) })
	oldest := now.Add(-a.limits.RunAge).UnixMilli()
	return a.store.Update(func(tx *store.Tx) error {
		var errs []error
		for i, r := range rows {
			if i >= a.limits.MaxRuns || r.at < oldest {
				errs = append(errs, a.runs.With(tx).Delete(r.id))
			}
		}
		return errors.Join(errs...)
	})
}

// clip cuts text to n bytes of whole characters.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
