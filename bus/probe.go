package bus

import (
	"context"
	"sync"
	"time"

	"clawdbot/bus/msg"
)

// ProbeTime is how long a probe has: less than the second that the supervisor
// waits, so that what the probe says of the trouble still reaches it.
const ProbeTime = 900 * time.Millisecond

// prober lets one probe run at a time: a part that is stuck must not collect
// the requests of all who ask after it.
type prober struct {
	probe func(ctx context.Context) (did string, err error)

	mu    sync.Mutex
	since time.Time // when the one that runs began; zero when none does
}

// handle answers clawdbot.<p>.probe.<component>.
func (p *prober) handle(ctx context.Context, _ *Request) (any, error) {
	began := time.Now()
	if since := p.begin(began); !since.IsZero() {
		return nil, Errorf(CodeUnavailable, "the probe that began at %s still runs", since.Format("15:04:05.000"))
	}
	defer p.end()
	ctx, cancel := context.WithDeadline(ctx, began.Add(ProbeTime))
	defer cancel()
	did, err := p.probe(ctx)
	if err != nil {
		return nil, err
	}
	return msg.Probe{Did: did, TookUs: time.Since(began).Microseconds()}, nil
}

// begin returns the zero time when the probe may run, else when the one that
// runs began.
func (p *prober) begin(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := p.since
	if since.IsZero() {
		p.since = now
	}
	return since
}

func (p *prober) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = time.Time{}
}
