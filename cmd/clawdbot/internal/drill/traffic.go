package drill

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
)

// traffic sends main messages all the time and keeps what it acknowledged.
type traffic struct {
	*ledger
	nc       *nats.Conn
	subjects subject.Space
	turn     sync.Mutex // held while a message is under way, and while there shall be none
}

const (
	sendEvery  = 50 * time.Millisecond
	sendSeldom = time.Second           // once there are many: main does not remember them for ever
	sendAgain  = 10 * time.Millisecond // after one that was not taken: the resolution of what is measured
	ackTimeout = 250 * time.Millisecond
	many       = 1000
	// Nobody fetches main's answers, and it does not keep more for one channel.
	perChannel = 256
)

// run sends until ctx ends.
func (t *traffic) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; {
		pause := sendAgain
		switch taken := t.send(ctx, n); {
		case taken && n < many:
			n, pause = n+1, sendEvery
		case taken:
			n, pause = n+1, sendSeldom
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (t *traffic) send(ctx context.Context, n int) (taken bool) {
	t.turn.Lock()
	defer t.turn.Unlock()
	d := delivery{channel: fmt.Sprintf("drill-%d", n/perChannel), in: msg.In{ID: fmt.Sprint(n), Text: "drill"}, sent: time.Now()}
	accepted, err := t.hand(ctx, d)
	if err != nil {
		return false
	}
	d.seq, d.acked = accepted.Seq, time.Now()
	t.addDelivery(d)
	return true
}

func (t *traffic) hand(ctx context.Context, d delivery) (msg.Accepted, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	var accepted msg.Accepted
	subj, err := t.subjects.In(d.channel)
	if err != nil {
		return accepted, err
	}
	return accepted, bus.Call(ctx, t.nc, subj, d.in, &accepted)
}

// lost counts the acknowledged messages that main does not know any more: it
// takes one that it knows for a duplicate of that one. An error says that main
// could not be asked.
func (t *traffic) lost(ctx context.Context) (int, error) {
	t.turn.Lock()
	defer t.turn.Unlock()
	var all []delivery
	t.read(func() { all = t.deliveries })
	lost := 0
	for _, d := range all {
		again, err := t.ask(ctx, d)
		if err != nil {
			return lost, fmt.Errorf("whether main still knows message %s: %w", d.in.ID, err)
		}
		if !again.Duplicate || again.Seq != d.seq {
			lost++
		}
	}
	return lost, nil
}

// ask hands the message in again until main answers.
func (t *traffic) ask(ctx context.Context, d delivery) (msg.Accepted, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		again, err := t.hand(ctx, d)
		if err == nil {
			return again, nil
		}
		select {
		case <-ctx.Done():
			return again, errors.Join(err, ctx.Err())
		case <-time.After(sendAgain):
		}
	}
}
