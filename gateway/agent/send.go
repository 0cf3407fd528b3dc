package agent

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// send puts a text into a channel's queue.
func (a *Agent) send(_ context.Context, p msg.Send) (any, error) {
	if err := checkRunID(p.IdempotencyKey); err != nil {
		return nil, err
	}
	if p.To != "" && p.Target != "" && p.To != p.Target {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "target: is the same as to, but the two differ")
	}
	r := run{ID: p.IdempotencyKey, Method: "send"}
	if p.SessionKey != "" {
		key, err := a.sessionKey("sessionKey", p.SessionKey)
		if err != nil {
			return nil, err
		}
		r.SessionKey = key
	}
	text := strings.Join(slices.DeleteFunc(append([]string{p.Message, p.MediaURL}, p.MediaURLs...), blank), "\n")
	text, err := spoken(text, nil)
	if err != nil {
		return nil, err
	}
	to, err := a.sendTo(r.SessionKey, route{Channel: p.Channel, To: cmp.Or(p.To, p.Target)})
	if err != nil {
		return nil, err
	}
	r.Text = text
	r, err = a.queueOut(r, to)
	if err != nil {
		return nil, err
	}
	return msg.SendAccepted{RunID: r.ID, MessageID: strconv.FormatUint(r.Out, 10), Channel: to.Channel}, nil
}

func blank(text string) bool { return strings.TrimSpace(text) == "" }

// sendTo completes a route from the session, "" means none.
func (a *Agent) sendTo(key string, to route) (*route, error) {
	switch {
	case to.To == "":
		return nil, bus.Errorf(bus.CodeInvalidRequest, "to: missing")
	case len(to.To) > maxAddress:
		return nil, bus.Errorf(bus.CodeInvalidRequest, "to: %d bytes, at most %d are taken", len(to.To), maxAddress)
	case to.Channel != "" && to.Channel != "last":
		return &to, checkChannel(to.Channel)
	case key == "":
		return nil, bus.Errorf(bus.CodeInvalidRequest, "channel: missing; without a sessionKey there is no last one")
	}
	s, err := a.sessions.Get(key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return deliverTo(key, s, to)
}

// queueOut stores what is sent and queues it, or returns the run that did so
// under the same id.
func (a *Agent) queueOut(r run, to *route) (run, error) {
	q, err := a.reserve(to.Channel)
	if err != nil {
		if old, e := a.runs.Get(r.ID); e == nil { // who asks again needs no place
			return old, sameRun(old, "send", r.SessionKey)
		}
		return r, err
	}
	var seq uint64
	now := time.Now().UnixMilli()
	err = a.store.Update(func(tx *store.Tx) error {
		old, err := a.runs.With(tx).Get(r.ID)
		if err == nil {
			key := r.SessionKey
			r = old
			return sameRun(old, "send", key)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		out := outbound{Channel: to.Channel, At: now, Out: msg.Out{To: to.To, Thread: to.Thread, Text: r.Text}}
		if seq, err = a.out.With(tx).Append(out); err != nil {
			return err
		}
		r.Status, r.AcceptedAt, r.StartedAt, r.EndedAt, r.Out = runOK, now, now, now, seq
		if r.SessionKey != "" {
			if err := a.mirror(tx, r); err != nil {
				return err
			}
		}
		return a.runs.With(tx).Put(r.ID, r)
	})
	if err != nil {
		seq = 0
	}
	a.releaseOut(q, seq)
	a.countEnd()
	return r, a.stored("message", err)
}

// mirror keeps what was sent in the session that it was sent for.
func (a *Agent) mirror(tx *store.Tx, r run) error {
	s, err := a.sessionIn(tx, r.SessionKey)
	if err != nil {
		return err
	}
	m := message("assistant", r.Text, r.EndedAt)
	m.RunID, m.StopReason = r.ID, "sent"
	return a.put(tx, r.SessionKey, &s, m)
}
