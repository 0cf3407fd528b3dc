package agent

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// The longest fields of a message, in bytes.
const (
	maxText    = 64 << 10
	maxMeta    = 64 << 10
	maxID      = 256
	maxAddress = 1024
	maxChannel = 64
)

// accept is in.<channel>: it replies when the message is on disk.
func (a *Agent) accept(_ context.Context, req *bus.Request) (any, error) {
	channel := a.subjects.InChannel(req.Subject)
	var in msg.In
	if err := req.Decode(&in); err != nil {
		return nil, err
	}
	if err := check(channel, in); err != nil {
		return nil, err
	}
	q, err := a.reserve(channel)
	if err != nil {
		return nil, err
	}
	accepted, t, err := a.keep(q, in)
	a.release(q, t != nil && err == nil)
	a.settle(t, err == nil)
	if err := a.stored("message", err); err != nil {
		return nil, err
	}
	if accepted.Seq%uint64(max(a.limits.MaxSeen/8, 1)) == 0 {
		signal(a.prune)
	}
	return accepted, nil
}

// keep stores a message that has not been seen before, as a run of its session,
// and returns its turn.
func (a *Agent) keep(q *queue, in msg.In) (msg.Accepted, *turn, error) {
	var accepted msg.Accepted
	var t *turn
	err := a.store.Update(func(tx *store.Tx) error {
		now := time.Now().UnixMilli()
		seen, key := a.seen.With(tx), q.channel+"/"+in.ID
		if in.ID != "" {
			first, err := seen.Get(key)
			if err == nil {
				accepted = msg.Accepted{Seq: first.Seq, Duplicate: true}
				return nil
			}
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		kept := inbound{Channel: q.channel, At: now, In: in}
		seq, err := a.in.With(tx).Append(kept)
		if err != nil {
			return err
		}
		r, err := a.writeChannelRun(tx, seq, kept)
		if err != nil {
			return err
		}
		accepted.Seq = seq
		if in.ID != "" {
			err = seen.Put(key, sighting{Seq: seq, At: now})
		}
		if err == nil {
			t = a.lineUp(r.ID, r.SessionKey)
		}
		return err
	})
	return accepted, t, err
}

// writeChannelRun stores the run that answers a message of a channel.
func (a *Agent) writeChannelRun(tx *store.Tx, seq uint64, in inbound) (run, error) {
	to := &route{Channel: in.Channel, To: cmp.Or(in.To, in.From), Thread: in.Thread}
	r := run{
		ID: channelRunID(seq), Method: "in", SessionKey: chatKey(a.defaultAgent(), in.Channel, in.From),
		Ask: ask{Message: strings.ToValidUTF8(in.Text, "\uFFFD"), InReply: seq, Deliver: to},
	}
	return r, a.write(tx, &r, func(_ *store.Tx, s *session) error {
		s.LastChannel, s.LastTo, s.LastThreadID = to.Channel, to.To, to.Thread
		return nil
	})
}

func channelRunID(seq uint64) string { return channelRun + strconv.FormatUint(seq, 10) }

func checkChannel(channel string) error {
	if channel == "" || len(channel) > maxChannel || strings.ContainsFunc(channel, notWord) {
		return bus.Errorf(bus.CodeInvalidRequest, "channel: %.*q is not a word of letters, digits, - and _ of at most %d bytes", maxChannel, channel, maxChannel)
	}
	return nil
}

// check refuses what is no message, naming the field.
func check(channel string, in msg.In) error {
	if err := checkChannel(channel); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(in.Text) == "":
		return bus.Errorf(bus.CodeInvalidRequest, "text: missing")
	case strings.ContainsFunc(in.ID, unicode.IsControl):
		return bus.Errorf(bus.CodeInvalidRequest, "id: holds a control character")
	}
	for _, f := range []struct {
		name  string
		size  int
		limit int
	}{
		{"text", len(in.Text), maxText},
		{"meta", len(in.Meta), maxMeta},
		{"id", len(in.ID), maxID},
		{"from", len(in.From), maxAddress},
		{"to", len(in.To), maxAddress},
		{"thread", len(in.Thread), maxAddress},
	} {
		if f.size > f.limit {
			return bus.Errorf(bus.CodeInvalidRequest, "%s: %d bytes, at most %d are taken", f.name, f.size, f.limit)
		}
	}
	return nil
}

func notWord(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
