package daemon

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	// restAfter is how many calm seconds make a rest.
	restAfter = 5
	// calmBytes is what a calm second allocates at most. Beats, probes and the
	// recorder take a third of it.
	calmBytes = 1 << 20
	// restPercent is how much garbage there may be at rest beside what lives, see
	// debug.SetGCPercent. The default of 100 takes 4 MB more; under load, where
	// collecting is most of the work, 25 would take twice the processor.
	restPercent = 25
)

// rest keeps the heap of this process small for as long as there is little to
// do, until the caller ends it.
func rest() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		allocated := func() uint64 {
			metrics.Read(sample)
			return sample[0].Value.Uint64()
		}
		p := newPace()
		defer p.wake()
		for before := allocated(); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				now := allocated()
				p.second(now - before)
				before = now
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// pace is how busy the process is.
type pace struct {
	percent int // of garbage while it is busy, as GOGC has it; -1 when the collector is off
	calm    int // seconds in a row
}

func newPace() *pace { return &pace{percent: collectorPercent()} }

func collectorPercent() int {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

// second takes the bytes that a second allocated.
func (p *pace) second(allocated uint64) {
	if allocated > calmBytes {
		p.wake()
		return
	}
	if p.calm++; p.calm == restAfter && p.percent > restPercent {
		debug.SetGCPercent(restPercent)
		debug.FreeOSMemory() // what the start, or the work, left behind
	}
}

// wake ends a rest.
func (p *pace) wake() {
	if p.calm >= restAfter && p.percent > restPercent {
		debug.SetGCPercent(p.percent)
	}
	p.calm = 0
}
