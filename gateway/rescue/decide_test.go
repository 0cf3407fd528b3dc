package rescue

import (
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// noon is when the decisions of these tests are made.
var noon = time.Unix(1_800_000_000, 0)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

// crashed is a peer that crashed a while ago for the first time, and that its
// manager did not start again.
func crashed() plight {
	return plight{
		verdict: msg.VerdictDown, policy: config.PolicyRepair, manager: "systemd", seen: true, began: ago(time.Hour),
		running: 7, lastGood: 7, failures: []failure{{at: ago(5 * time.Second), cause: "crash", served: time.Hour}},
	}
}

// again is the n-th quick failure in a row of a peer that ran a new generation.
func again(n int) plight {
	p := crashed()
	p.running, p.failures = 8, nil
	for k := range n {
		p.failures = append(p.failures, failure{at: ago(time.Duration(n-k) * 5 * time.Second), cause: "crash", served: time.Second})
	}
	return p
}

func TestDecide(t *testing.T) {
	for name, c := range map[string]struct {
		plight func() plight
		change func(*plight)
		want   remedy
		abort  bool
		gen    uint64
		why    string
	}{
		"a first crash is the manager's": {crashed, func(p *plight) { p.failures[0].at = ago(time.Second) }, leave, false, 0, "systemd starts it again by itself"},
		"that does nothing":              {crashed, nil, restart, false, 0, "does not run"},
		"that gave it up":                {crashed, func(p *plight) { p.failures[0].at, p.gaveUp = ago(0), true }, restart, false, 0, "does not run"},
		"a hang":                         {crashed, func(p *plight) { p.verdict, p.lives, p.failures[0].at = msg.VerdictHung, true, ago(0) }, restart, true, 0, "it hangs"},

		"under maintenance":     {crashed, func(p *plight) { p.spared = "it is under maintenance" }, leave, false, 0, "maintenance"},
		"only observed":         {crashed, func(p *plight) { p.policy, p.observes = config.PolicyObserve, "rescue.policy is observe" }, leave, false, 0, "observe"},
		"held":                  {crashed, func(p *plight) { p.held = "3 repairs did not help" }, leave, false, 0, "repairs are held: 3 repairs"},
		"worked on":             {crashed, func(p *plight) { p.busy = "third works on main" }, leave, false, 0, "third works on main"},
		"starting":              {crashed, func(p *plight) { p.verdict = msg.VerdictStarting }, leave, false, 0, "it is starting"},
		"suspect":               {crashed, func(p *plight) { p.verdict = msg.VerdictSuspect }, leave, false, 0, "it is suspect"},
		"back":                  {crashed, func(p *plight) { p.verdict = msg.VerdictOK }, leave, false, 0, "it is ok"},
		"without a manager":     {crashed, func(p *plight) { p.manager = "" }, leave, false, 0, "clawdbot up"},
		"with evidence to come": {crashed, func(p *plight) { p.failures[0].cause = "" }, leave, false, 0, "being collected"},
		"with more to come":     {crashed, func(p *plight) { p.learning = true }, leave, false, 0, "being collected"},
		"its port is another's": {crashed, func(p *plight) { p.foreign = "port 18789 is held by nginx (pid 7)" }, leave, false, 0, "nginx"},
		"never seen":            {crashed, func(p *plight) { p.seen, p.began = false, ago(9*time.Second) }, leave, false, 0, "this observer began a moment ago"},
		"never seen in 10 s":    {crashed, func(p *plight) { p.seen, p.began = false, ago(11*time.Second) }, restart, false, 0, "does not run"},
		"started a moment ago":  {crashed, func(p *plight) { p.repairs = []repair{{ago(2 * time.Second), restart}} }, leave, false, 0, "a moment ago"},
		"and failed since":      {crashed, func(p *plight) { p.repairs, p.gaveUp = []repair{{ago(6 * time.Second), restart}}, true }, restart, false, 0, ""},
		"started 11 s ago": {crashed, func(p *plight) {
			p.failures[0].at, p.repairs = ago(12*time.Second), []repair{{ago(11 * time.Second), restart}}
		}, restart, false, 0, "2 times"},
		"refuses its config":     {crashed, func(p *plight) { p.running, p.exit = 8, &msg.Exit{Status: 78} }, generation, false, 7, "refuses its configuration"},
		"and it was a good one":  {crashed, func(p *plight) { p.exit = &msg.Exit{Status: 78} }, restart, false, 0, ""},
		"refuses, restart only":  {crashed, func(p *plight) { p.running, p.exit, p.policy = 8, &msg.Exit{Status: 78}, config.PolicyRestart }, restart, false, 0, ""},
		"no exit status is none": {crashed, func(p *plight) { p.running, p.exit = 8, &msg.Exit{Status: -1} }, restart, false, 0, ""},

		"a second time":                {func() plight { return again(2) }, nil, generation, false, 7, "failed 2 times in 15m0s in the same way"},
		"a second hang":                {func() plight { return again(2) }, func(p *plight) { p.verdict, p.lives = msg.VerdictHung, true }, generation, true, 7, "2 times"},
		"a second time, without grace": {func() plight { return again(2) }, func(p *plight) { p.failures[1].at = ago(0) }, generation, false, 7, "2 times"},
		"long after the first":         {func() plight { return again(2) }, func(p *plight) { p.failures[0].at = ago(16 * time.Minute) }, restart, false, 0, "does not run"},
		"in another way":               {func() plight { return again(2) }, func(p *plight) { p.failures[0].cause = "hang" }, restart, false, 0, "does not run"},
		"no good one is known":         {func() plight { return again(2) }, func(p *plight) { p.lastGood = 0 }, restart, false, 0, "no other generation"},
		"the good one failed":          {func() plight { return again(2) }, func(p *plight) { p.running = 7 }, restart, false, 0, "no other generation"},
		"a second time, much later":    {func() plight { return again(2) }, func(p *plight) { p.failures[1].served = time.Minute }, generation, false, 7, "2 times"},
		"and the good one runs":        {func() plight { return again(2) }, func(p *plight) { p.running, p.failures[1].served = 7, time.Minute }, restart, false, 0, "served in between"},
		"a second time, restart only":  {func() plight { return again(2) }, func(p *plight) { p.policy = config.PolicyRestart }, restart, false, 0, "2 times"},

		"a third time":           {func() plight { return again(3) }, nil, safeMode, false, 0, "3 times"},
		"that served in between": {func() plight { return again(3) }, func(p *plight) { p.failures[2].served = time.Hour }, restart, false, 0, "served in between"},
		"also on the good one": {func() plight { return again(2) }, func(p *plight) {
			p.running, p.failures[1].cause, p.repairs = 7, "crash, exit status 1", []repair{{ago(8 * time.Second), generation}}
		}, safeMode, false, 0, "on a generation that was good"},
		"a fourth time": {func() plight { return again(4) }, nil, hold, false, 0, "4 times"},
		"also in safe mode": {func() plight { return again(2) }, func(p *plight) {
			p.failures[1].cause, p.repairs = "hang", []repair{{ago(20 * time.Second), generation}, {ago(8 * time.Second), safeMode}}
		}, hold, false, 0, "also in safe mode"},
		"three repairs": {crashed, func(p *plight) {
			p.repairs = []repair{{ago(14 * time.Minute), restart}, {ago(9 * time.Minute), restart}, {ago(8 * time.Minute), restart}}
		}, hold, false, 0, "3 repairs in 15m0s did not help"},
		"three repairs, and the manager is about to": {crashed, func(p *plight) {
			p.failures[0].at, p.repairs = ago(time.Second), []repair{{ago(14 * time.Minute), restart}, {ago(9 * time.Minute), restart}, {ago(8 * time.Minute), restart}}
		}, leave, false, 0, "by itself"},
		"three repairs, one long ago": {crashed, func(p *plight) {
			p.gaveUp, p.repairs = true, []repair{{ago(16 * time.Minute), restart}, {ago(9 * time.Minute), restart}, {ago(8 * time.Minute), restart}}
		}, restart, false, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.plight()
			if c.change != nil {
				c.change(&p)
			}
			got := decide(p, noon)
			if got.do != c.want || got.abort != c.abort || got.generation != c.gen || !strings.Contains(got.why, c.why) || got.why == "" {
				t.Errorf("%+v, want %q (abort %t, generation %d) because %q", got, c.want, c.abort, c.gen, c.why)
			}
		})
	}
}

// TestNoPlightIsRepairedForEver: whatever a peer does, after three repairs in
// the window a human is called.
func TestNoPlightIsRepairedForEver(t *testing.T) {
	for _, policy := range []string{config.PolicyRestart, config.PolicyRepair} {
		for _, served := range []time.Duration{0, 2 * time.Minute} {
			p, now, repairs := crashed(), noon, 0
			p.policy, p.gaveUp, p.running = policy, true, 8
			for {
				d := decide(p, now)
				if d.do == hold {
					break
				}
				if d.do != leave {
					p.repairs = append(p.repairs, repair{now, d.do})
					if repairs++; repairs > maxRepairs {
						t.Fatalf("policy %s: %d repairs", policy, repairs)
					}
				}
				now = now.Add(time.Second + served)
				p.failures = append(p.failures, failure{at: now, cause: "crash", served: served})
			}
		}
	}
}
