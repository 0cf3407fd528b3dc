package daemon

import (
	"runtime/debug"
	"testing"
)

// TestRest: the collector works harder once there is little to do, and not while there is much.
func TestRest(t *testing.T) {
	t.Cleanup(func() { debug.SetGCPercent(100) })
	debug.SetGCPercent(100)
	p := newPace()
	for n, c := range []struct {
		allocated uint64
		want      int
	}{
		{0, 100}, {calmBytes, 100}, {calmBytes + 1, 100}, // not yet, and then it began anew
		{0, 100}, {0, 100}, {0, 100}, {0, 100}, {calmBytes, restPercent}, {0, restPercent},
		{calmBytes + 1, 100}, {0, 100},
	} {
		p.second(c.allocated)
		if got := collectorPercent(); got != c.want {
			t.Errorf("second %d: %d %%, want %d %%", n, got, c.want)
		}
	}
}

// TestRestLeavesGOGC: who has set less garbage, or no collector, keeps that.
func TestRestLeavesGOGC(t *testing.T) {
	t.Cleanup(func() { debug.SetGCPercent(100) })
	for _, percent := range []int{restPercent - 5, -1} {
		debug.SetGCPercent(percent)
		p := newPace()
		for range restAfter {
			p.second(0)
		}
		p.wake()
		if got := collectorPercent(); got != percent {
			t.Errorf("%d %% became %d %%", percent, got)
		}
	}
}
