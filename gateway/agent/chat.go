package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

const (
	historyLimit    = 200
	maxHistoryLimit = 1000
)

// room is how many bytes of rows one reply holds.
func (a *Agent) room() int { return int(a.nc.MaxPayload()) * 3 / 4 }

// encoded is the length of v as JSON, with a comma.
func encoded(v any) int {
	b, _ := json.Marshal(v) // what it is asked for can be encoded: it came from the store
	return len(b) + 1
}

func (a *Agent) chatHistory(_ context.Context, p msg.ChatQuery) (any, error) {
	key, err := a.sessionKey("sessionKey", p.SessionKey)
	if err != nil {
		return nil, err
	}
	h := msg.ChatHistory{SessionKey: key, Messages: []msg.ChatMessage{}}
	s, err := a.sessions.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	n := historyLimit
	if p.Limit > 0 {
		n = min(p.Limit, maxHistoryLimit)
	}
	if h.Messages, err = a.last(s, s.Next, n, a.room()); err != nil {
		return nil, err
	}
	h.SessionID, h.Truncated = s.SessionID, uint64(len(h.Messages)) < s.count()
	if s.ThinkingLevel != nil {
		h.ThinkingLevel = *s.ThinkingLevel
	}
	return h, nil
}

func (a *Agent) chatSend(_ context.Context, p msg.ChatSend) (any, error) {
	key, err := a.sessionKey("sessionKey", p.SessionKey)
	if err == nil {
		err = checkRunID(p.IdempotencyKey)
	}
	if err != nil {
		return nil, err
	}
	text, err := spoken(p.Message, p.Attachments)
	if err != nil {
		return nil, err
	}
	r := run{ID: p.IdempotencyKey, Method: "chat.send", SessionKey: key}
	r.Ask = ask{Message: text, Thinking: p.Thinking, TimeoutMs: p.TimeoutMs}
	r, known, err := a.submit(&r, func(_ *store.Tx, s *session) (err error) {
		if s.SendPolicy != nil && *s.SendPolicy == "deny" {
			return bus.Errorf(bus.CodeInvalidRequest, "session %s refuses messages: its sendPolicy is deny; sessions.patch changes it", key)
		}
		if p.Deliver {
			r.Ask.Deliver, err = deliverTo(key, *s, route{})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sent := msg.ChatSent{RunID: r.ID, Status: "started"}
	if known {
		if err := sameRun(r, "chat.send", key); err != nil {
			return nil, err
		}
		sent.Status, sent.Error = r.Status, r.Error
		if !r.ended() {
			sent.Status = "in_flight"
		}
	}
	return sent, nil
}

// sameRun refuses an idempotency key that named something else before.
func sameRun(r run, method, key string) error {
	if r.Method != method {
		return bus.Errorf(bus.CodeInvalidRequest, "idempotencyKey: %.64q was used for %s before; choose another", r.ID, r.Method)
	}
	if r.SessionKey != key {
		return bus.Errorf(bus.CodeInvalidRequest, "idempotencyKey: %.64q was used in session %s before; choose another", r.ID, r.SessionKey)
	}
	return nil
}

// deliverTo completes a route from where the session's last message came from.
func deliverTo(key string, s session, to route) (*route, error) {
	if to.Channel == "" || to.Channel == "last" {
		if s.LastChannel == "" {
			return nil, bus.Errorf(bus.CodeInvalidRequest, "deliver: no channel is named, and no message of session %s came from one", key)
		}
		to.Channel = s.LastChannel
	}
	switch {
	case to.To == "" && to.Channel == s.LastChannel:
		to.To, to.Thread = s.LastTo, s.LastThreadID
	case to.To == "":
		return nil, bus.Errorf(bus.CodeInvalidRequest, "deliver: nobody is named to deliver to on channel %s", to.Channel)
	}
	return &to, checkChannel(to.Channel)
}

// spoken is the text of a message. Attachments are not kept; it says which there
// were.
func spoken(text string, attachments []json.RawMessage) (string, error) {
	if strings.TrimSpace(text) == "" {
		text = ""
	}
	for _, raw := range attachments {
		var file struct {
			Type     string `json:"type"`
			MimeType string `json:"mimeType"`
			FileName string `json:"fileName"`
		}
		if json.Unmarshal(raw, &file) != nil {
			return "", bus.Errorf(bus.CodeInvalidRequest, "attachments: each must be an object with type, mimeType, fileName and content")
		}
		words := slices.DeleteFunc([]string{file.FileName, file.MimeType, file.Type}, func(w string) bool { return w == "" })
		text += fmt.Sprintf("\n[attachment not kept: %s]", clip(strings.Join(words, ", "), 256))
	}
	text = strings.TrimPrefix(text, "\n")
	switch {
	case text == "":
		return "", bus.Errorf(bus.CodeInvalidRequest, "message: missing")
	case len(text) > maxText:
		return "", bus.Errorf(bus.CodeInvalidRequest, "message: %d bytes, at most %d are taken", len(text), maxText)
	}
	return strings.ToValidUTF8(text, "\uFFFD"), nil
}

func (a *Agent) chatAbort(_ context.Context, p msg.ChatAbort) (any, error) {
	key, err := a.sessionKey("sessionKey", p.SessionKey)
	if err != nil {
		return nil, err
	}
	if t := a.turnOf(p.RunID); t != nil && t.key != key {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "runId: %.64q is a run of another session", p.RunID)
	}
	ids := []string{}
	for _, t := range a.abort(key, p.RunID) {
		ids = append(ids, t.id)
	}
	return msg.ChatAborted{OK: true, Aborted: len(ids) > 0, RunIDs: ids}, nil
}

func (a *Agent) chatInject(_ context.Context, p msg.ChatInject) (any, error) {
	key, err := a.sessionKey("sessionKey", p.SessionKey)
	if err != nil {
		return nil, err
	}
	text, err := spoken(p.Message, nil)
	if err != nil {
		return nil, err
	}
	if p.Label != "" {
		text = "[" + p.Label + "]\n\n" + text
	}
	m := message("assistant", text, time.Now().UnixMilli())
	m.StopReason = "injected"
	err = a.store.Update(func(tx *store.Tx) error {
		s, err := a.sessions.With(tx).Get(key)
		if errors.Is(err, store.ErrNotFound) {
			return noSession(key)
		}
		if err != nil {
			return err
		}
		m.ID = s.nextID()
		return a.put(tx, key, &s, m)
	})
	if err := a.stored("message", err); err != nil {
		return nil, err
	}
	t := teller{agent: a, runID: "inject-" + m.ID, key: key}
	t.chat(msg.ChatEvent{State: "final", Message: &m})
	return msg.ChatInjected{OK: true, MessageID: m.ID}, nil
}

func noSession(key string) error {
	return bus.Errorf(bus.CodeInvalidRequest, "session not found: %s; sessions.list names them", key)
}
