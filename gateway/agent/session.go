package agent

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// session is one conversation as it is stored. Its messages have the numbers
// from First to before Next.
type session struct {
	msg.SessionEntry
	First uint64 `json:"first"`
	Next  uint64 `json:"next"`
	Bytes int    `json:"bytes"` // of the messages' texts
}

func newSession(now int64) session {
	return session{SessionEntry: msg.SessionEntry{SessionID: rand.Text(), CreatedAt: now, UpdatedAt: now}, First: 1, Next: 1}
}

func (s session) count() uint64 { return s.Next - s.First }

// nextID is the id of the session's next message.
func (s session) nextID() string { return strconv.FormatUint(s.Next, 10) }

// sessionIn returns the session as tx sees it, a new one when there is none.
func (a *Agent) sessionIn(tx *store.Tx, key string) (session, error) {
	s, err := a.sessions.With(tx).Get(key)
	if errors.Is(err, store.ErrNotFound) {
		signal(a.prune) // there may be too many now
		return newSession(time.Now().UnixMilli()), nil
	}
	return s, err
}

// put stores the session with one more message, and removes the oldest ones
// that are too many.
func (a *Agent) put(tx *store.Tx, key string, s *session, m msg.ChatMessage) error {
	m.ID = s.nextID()
	if err := a.messages.With(tx).Put(messageID(s.SessionID, s.Next), m); err != nil {
		return err
	}
	s.Next++
	s.Bytes += size(m)
	s.UpdatedAt = m.Timestamp
	keep := s.count()
	for over := s.Bytes; keep > 1 && (keep > a.limits.MaxMessages || over > a.limits.MaxBytes); keep-- {
		old, err := a.messages.With(tx).Get(messageID(s.SessionID, s.Next-keep))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		over -= size(old)
	}
	if _, err := a.cut(tx, s, keep); err != nil {
		return err
	}
	return a.sessions.With(tx).Put(key, *s)
}

// cut removes all but the last keep messages, and returns how many those were.
// The caller stores the session.
func (a *Agent) cut(tx *store.Tx, s *session, keep uint64) (removed uint64, err error) {
	messages := a.messages.With(tx)
	for ; s.count() > keep; s.First++ {
		id := messageID(s.SessionID, s.First)
		m, err := messages.Get(id)
		if err != nil && !errors.Is(err, store.ErrNotFound) { // deleted by the operator
			return removed, err
		}
		if err := messages.Delete(id); err != nil {
			return removed, err
		}
		s.Bytes -= size(m)
		removed++
	}
	return removed, nil
}

// last returns the newest messages before the number, at most n and at most so
// many that room bytes of JSON hold them, the oldest first.
func (a *Agent) last(s session, before uint64, n, room int) ([]msg.ChatMessage, error) {
	list := []msg.ChatMessage{}
	for at := before; at > s.First && len(list) < n; at-- {
		m, err := a.messages.Get(messageID(s.SessionID, at-1))
		if errors.Is(err, store.ErrNotFound) { // removed meanwhile, or by the operator
			continue
		}
		if err != nil {
			return nil, err
		}
		if room -= encoded(m); room < 0 {
			break
		}
		list = append(list, m)
	}
	slices.Reverse(list)
	return list, nil
}

// messageID is a message's key in the store; their order is that of the numbers.
func messageID(session string, n uint64) string { return fmt.Sprintf("%s/%010d", session, n) }

// message returns a message with the text; without one it has no content.
func message(role, text string, at int64) msg.ChatMessage {
	m := msg.ChatMessage{Role: role, Timestamp: at, Content: []msg.ChatContent{}}
	if text != "" {
		m.Content = append(m.Content, msg.ChatContent{Type: "text", Text: text})
	}
	return m
}

func textOf(m msg.ChatMessage) string {
	text := ""
	for _, c := range m.Content {
		text += c.Text
	}
	return text
}

func size(m msg.ChatMessage) int { return len(textOf(m)) + len(m.ErrorMessage) }

// retire removes the sessions that were used least lately, when there are too many. Main
// sessions and those with runs stay.
func (a *Agent) retire() error {
	type row struct {
		key  string
		used int64
	}
	var rows []row
	for e, err := range a.sessions.All() {
		if err != nil {
			return err
		}
		rows = append(rows, row{e.ID, e.Value.UpdatedAt})
	}
	over := len(rows) - a.limits.MaxSessions
	if over <= 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.used, b.used) })
	for _, r := range rows {
		if r.key == mainSession(agentOf(r.key)) || a.busy(r.key) {
			continue
		}
		if _, err := a.remove(r.key); err != nil {
			return err
		}
		if over--; over == 0 {
			break
		}
	}
	return nil
}

// remove deletes a session and its messages; found says that there was one.
func (a *Agent) remove(key string) (found bool, err error) {
	err = a.store.Update(func(tx *store.Tx) error {
		s, err := a.sessions.With(tx).Get(key)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		if _, err := a.cut(tx, &s, 0); err != nil {
			return err
		}
		return a.sessions.With(tx).Delete(key)
	})
	return found, err
}
