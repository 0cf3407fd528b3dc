package record

import (
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/subject"
)

// window is how long a credit lasts, and how long a batch waits.
const window = 200 * time.Millisecond

// How much of one kind is recorded in a window.
const (
	mostMessages = 256       // 1280 a second
	mostBytes    = 256 << 10 // so that large messages are fewer
)

// tap is one subscription that the server feeds by credit: it ends it after
// limit messages, and is told a higher limit while it lives.
type tap struct {
	pattern string

	sub   *nats.Subscription
	got   int // messages since the subscription began
	limit int // when the server ends it
	was   int // the limit before; the server may not have heard of the new one in time
	seen  int // got, at the last refill
	bytes int // that came since
	lossy bool
}

// newTaps lists what is recorded: without Served, nothing that is asked for.
func newTaps(cfg Config) []*tap {
	sp := cfg.Subjects
	patterns := []string{
		subject.AnyBeat, // one's own and those of the peers
		sp.Healths(), sp.Peers(), sp.Kind("log"), sp.Kind("config"), sp.Events(),
	}
	if cfg.Served != nil {
		for _, kind := range []string{"in", "out", "rpc", "node", "browser", "canvas", "rescue"} {
			patterns = append(patterns, sp.Kind(kind))
		}
	}
	taps := make([]*tap, len(patterns))
	for i, p := range patterns {
		taps[i] = &tap{pattern: p}
	}
	return taps
}

func (t *tap) open(nc *nats.Conn, to chan *nats.Msg) (err error) {
	if t.sub, err = nc.ChanSubscribe(t.pattern, to); err != nil {
		return err
	}
	t.limit, t.was = t.credit(), 0
	t.got, t.seen, t.bytes = 0, 0, 0
	return t.sub.AutoUnsubscribe(t.limit)
}

// took counts a message in.
func (t *tap) took(m *nats.Msg) {
	t.got++
	t.bytes += len(m.Data)
}

// credit is how many messages may come in the next window, by the size of those
// in the last one.
func (t *tap) credit() int {
	if t.bytes == 0 {
		return mostMessages
	}
	return min(mostMessages, max(4, mostBytes*(t.got-t.seen)/t.bytes))
}

// refill gives new credit for what was used; all that the server had sent at one
// moment since the last refill must be counted. It returns true when there was not
// enough, so that messages may be missing.
//
// A server that had sent its last message while a higher limit was on its way did
// not know the subscription any more: then got stays at the limit before.
func (t *tap) refill(nc *nats.Conn, to chan *nats.Msg) (short bool, err error) {
	switch t.got {
	case t.limit, t.was:
		if t.got == 0 {
			return false, nil
		}
		_ = t.sub.Unsubscribe() // what the client still holds of it; the server has nothing left
		return true, t.open(nc, to)
	case t.seen:
		return false, nil
	}
	t.was, t.limit = t.limit, t.got+t.credit()
	t.seen, t.bytes = t.got, 0
	return false, t.sub.AutoUnsubscribe(t.limit)
}
