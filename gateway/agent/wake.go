package agent

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

const maxWakeText = 8 << 10

// systemEvent is what a session is told at its next run.
type systemEvent struct {
	SessionKey string `json:"sessionKey"`
	At         int64  `json:"at"` // Unix milliseconds
	Text       string `json:"text"`
}

// heartbeats is what is kept of them, under heartbeatID.
type heartbeats struct {
	Off  bool               `json:"off,omitempty"`
	Last *msg.LastHeartbeat `json:"last"` // nil until one ran
}

const heartbeatID = "state"

// wakeUp is the method wake.
func (a *Agent) wakeUp(_ context.Context, p msg.Wake) (any, error) {
	text := strings.TrimSpace(p.Text)
	switch {
	case text == "":
		return nil, bus.Errorf(bus.CodeInvalidRequest, "text: missing")
	case len(text) > maxWakeText:
		return nil, bus.Errorf(bus.CodeInvalidRequest, "text: %d bytes, at most %d are taken", len(text), maxWakeText)
	case p.Mode != "now" && p.Mode != "next-heartbeat":
		return nil, bus.Errorf(bus.CodeInvalidRequest, "mode: must be now or next-heartbeat")
	}
	if p.IdempotencyKey != "" {
		if err := checkRunID(p.IdempotencyKey); err != nil {
			return nil, err
		}
	}
	h, err := a.heartbeatState()
	if err != nil {
		return nil, err
	}
	e := systemEvent{SessionKey: mainSession(a.defaultAgent()), At: time.Now().UnixMilli(), Text: text}
	r := run{ID: wakeRun + cmp.Or(p.IdempotencyKey, rand.Text()), Method: "wake", SessionKey: e.SessionKey}
	if p.Mode == "now" && !h.Off {
		is, _, err := a.submit(&r, func(tx *store.Tx, _ *session) error { return a.putEvent(tx, e, a.limits.MaxEvents+a.limits.MaxLane) })
		return msg.Woken{OK: true, RunID: is.ID}, err
	}
	r.Status, r.AcceptedAt, r.EndedAt = runOK, e.At, e.At
	a.countEnd()
	return msg.Woken{OK: true}, a.stored("system event", a.store.Update(func(tx *store.Tx) error {
		if p.IdempotencyKey != "" {
			if _, err := a.runs.With(tx).Get(r.ID); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err := a.runs.With(tx).Put(r.ID, r); err != nil {
				return err
			}
		}
		return a.putEvent(tx, e, a.limits.MaxEvents)
	}))
}

// putEvent queues a system event behind at most others of its session. The same
// text twice in a row is one.
func (a *Agent) putEvent(tx *store.Tx, e systemEvent, most int) error {
	var last string
	n := 0
	for r, err := range a.events.With(tx).From(1) {
		if err != nil {
			return err
		}
		if r.Value.SessionKey == e.SessionKey {
			last = r.Value.Text
			n++
		}
	}
	switch {
	case last == e.Text:
		return nil
	case n >= most:
		return unavailable("%d system events wait in session %s, its queue is full; wake with the mode now has them taken", n, e.SessionKey)
	}
	_, err := a.events.With(tx).Append(e)
	return err
}

// takeEvents removes a session's system events and returns them.
func (a *Agent) takeEvents(tx *store.Tx, key string) ([]systemEvent, error) {
	var taken []systemEvent
	for r, err := range a.events.With(tx).From(1) {
		if err != nil {
			return nil, err
		}
		if r.Value.SessionKey != key {
			continue
		}
		taken = append(taken, r.Value)
		if err := a.events.With(tx).Delete(r.Seq); err != nil {
			return nil, err
		}
	}
	return taken, nil
}

func (a *Agent) heartbeatState() (heartbeats, error) {
	h, err := a.beats.Get(heartbeatID)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return h, err
}

// changeHeartbeats stores a change of what is kept of the heartbeats.
func (a *Agent) changeHeartbeats(tx *store.Tx, change func(*heartbeats)) error {
	h, err := a.beats.With(tx).Get(heartbeatID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	change(&h)
	return a.beats.With(tx).Put(heartbeatID, h)
}

// heartbeatOf is how a run of wake ended.
func heartbeatOf(r run) *msg.LastHeartbeat {
	last := &msg.LastHeartbeat{TS: r.EndedAt, Status: "ran", Reason: "wake", Preview: beginning(r.Text, 200), DurationMs: r.EndedAt - r.StartedAt}
	if r.Status != runOK {
		last.Status, last.Preview = "failed", cmp.Or(r.Error, r.Status)
	}
	return last
}

func (a *Agent) lastHeartbeat(context.Context, struct{}) (any, error) {
	h, err := a.heartbeatState()
	return h.Last, err
}

func (a *Agent) setHeartbeats(_ context.Context, p msg.Heartbeats) (any, error) {
	err := a.store.Update(func(tx *store.Tx) error {
		return a.changeHeartbeats(tx, func(h *heartbeats) { h.Off = !p.Enabled })
	})
	return msg.HeartbeatsSet{OK: true, Enabled: p.Enabled}, a.stored("setting", err)
}
