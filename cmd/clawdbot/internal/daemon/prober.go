package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/proc"
)

// Rules of asking the components for a piece of their work. A stuck one is found
// out within two rounds and their deadlines, about six seconds.
const (
	probeEvery    = 2 * time.Second
	probeDeadline = time.Second
	stuckAfter    = 2                      // unanswered in a row
	lateProbe     = 400 * time.Millisecond // a prober that is later than this says nothing of others
	mostExcused   = 10                     // misses in a row that a host too busy for this process excuses
	calmAfter     = 10 * time.Minute       // a component that worked this long is restarted at once again
)

// stuckPrefix begins the state of a component that does not answer.
const stuckPrefix = "stuck: "

// healPauses are how long a component that is stuck again is left alone.
var healPauses = []time.Duration{0, 5 * time.Second, 15 * time.Second, time.Minute}

// prober asks each component through its own subject to do a small piece of real
// work, and gives one that is stuck a new life.
type prober struct {
	d     *daemon
	asks  sync.WaitGroup
	heals sync.WaitGroup

	mu    sync.Mutex
	seen  map[string]*probed // by component
	queue proc.Queue         // of this process
}

// probed is what the prober knows of a component.
type probed struct {
	last   msg.Probe // the last answer
	at     time.Time // when it came, or the last question failed
	err    error     // nil when the last question was answered
	misses int       // in a row
	spared int       // misses in a row that were excused
	asking bool
	heals  int // new lives because it was stuck, until it was calm
	healed time.Time
}

func newProber(d *daemon) *prober { return &prober{d: d, seen: map[string]*probed{}} }

// run asks until ctx ends.
func (pr *prober) run(ctx context.Context) error {
	nc, err := pr.d.dial("probes")
	if err != nil {
		return err
	}
	defer nc.Close()
	defer pr.heals.Wait()
	defer pr.asks.Wait()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	due := time.Now().Add(probeEvery)
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			onTime := time.Since(due) < lateProbe
			due = now.Add(probeEvery)
			pr.starved(now)
			for _, p := range pr.d.parts {
				if up := p.upSince(); onTime && !up.IsZero() && pr.begin(p.name) {
					pr.asks.Go(func() { pr.ask(ctx, nc, p, up) })
				}
			}
		}
	}
}

// begin says whether the component can be asked now.
func (pr *prober) begin(name string) bool {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	s := pr.seen[name]
	if s == nil {
		s = &probed{}
		pr.seen[name] = s
	}
	if s.asking {
		return false
	}
	s.asking = true
	return true
}

// ask puts the question to one life of a component and judges by the answer.
func (pr *prober) ask(ctx context.Context, nc *nats.Conn, p *part, up time.Time) {
	subj, err := pr.d.Profile.Subjects().Probe(p.name)
	var answer msg.Probe
	began := time.Now()
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, probeDeadline)
		err = bus.Call(ctx, nc, subj, nil, &answer)
		cancel()
	}
	late := ctx.Err() != nil || time.Since(began) > probeDeadline+lateProbe || p.upSince() != up
	if err != nil && (late || errors.Is(err, context.DeadlineExceeded) && pr.excuse(p.name)) {
		pr.mu.Lock() // this end was stopped, late or starved, or the life is over: nothing is proven
		pr.seen[p.name].asking = false
		pr.mu.Unlock()
		return
	}
	pr.judge(ctx, p, answer, err)
}

// starved says whether the host hardly lets this process run.
func (pr *prober) starved(now time.Time) bool {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	return pr.queue.Starved(os.Getpid(), now)
}

// excuse says whether a miss proves nothing, because the host hardly lets this
// process run. A component that keeps the processors busy itself is not excused
// for ever.
func (pr *prober) excuse(name string) bool {
	starved := pr.starved(time.Now())
	pr.mu.Lock()
	defer pr.mu.Unlock()
	s := pr.seen[name]
	if s.spared++; !starved || s.spared > mostExcused {
		s.spared = 0
		return false
	}
	return true
}

// judge counts an answer or a miss, and acts on the second miss in a row.
func (pr *prober) judge(ctx context.Context, p *part, answer msg.Probe, err error) {
	pr.mu.Lock()
	s := pr.seen[p.name]
	wasStuck := s.misses >= stuckAfter
	s.asking, s.at, s.err = false, time.Now(), err
	if err == nil {
		s.last, s.misses, s.spared = answer, 0, 0
	} else {
		s.misses++
	}
	stuck, pause := s.misses >= stuckAfter, time.Duration(-1)
	if stuck {
		if time.Since(s.healed) > calmAfter {
			s.heals = 0
		}
		if wait := healPauses[min(s.heals, len(healPauses)-1)]; time.Since(s.healed) >= wait {
			pause = wait
			s.heals++
			s.healed, s.asking = time.Now(), true // nobody asks while it is restarted
		}
	}
	pr.mu.Unlock()
	switch {
	case stuck && !wasStuck:
		pr.d.log.Error(p.name+" is stuck", "err", err)
		pr.d.super.stuckFor(p.name, fmt.Sprintf("%sdoes not do its work: %v", stuckPrefix, err))
	case wasStuck && !stuck:
		pr.d.log.Info(p.name + " works again")
		pr.d.super.stuckFor(p.name, "")
	}
	if pause >= 0 {
		pr.heals.Go(func() { pr.heal(ctx, p) })
	}
}

// forget starts anew with a component that has another life, or none.
func (pr *prober) forget(name string) {
	pr.mu.Lock()
	if s := pr.seen[name]; s != nil {
		s.misses, s.err = 0, nil
	}
	pr.mu.Unlock()
	pr.d.super.stuckFor(name, "")
}

// heal gives a stuck component a new life; the others are not touched.
func (pr *prober) heal(ctx context.Context, p *part) {
	pr.d.log.Warn("restarting "+p.name, "reason", "it is stuck")
	o := p.newOrder(nil)
	o.heals = true
	err := p.give(ctx, o)
	if err == nil {
		err = <-o.done
	}
	if err != nil && ctx.Err() == nil {
		pr.d.log.Error("restart of "+p.name, "err", err)
	}
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.seen[p.name].asking = false
}

// worked says whether the component answered since then.
func (pr *prober) worked(name string, since time.Time) bool {
	s := pr.look(name)
	return s.err == nil && s.at.After(since)
}

// look returns what is known of a component.
func (pr *prober) look(name string) probed {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if s := pr.seen[name]; s != nil {
		return *s
	}
	return probed{}
}
