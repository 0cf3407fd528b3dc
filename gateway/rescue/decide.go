package rescue

import (
	"fmt"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// Rules of repair.
const (
	managerGrace = 3 * time.Second  // how long a service manager may take to start a peer again by itself
	settleFor    = 10 * time.Second // how long a repair may take to show
	peerGrace    = 10 * time.Second // how long a peer that was never seen may take, after this observer began
	window       = 15 * time.Minute // failures and repairs that are counted
	maxRepairs   = 3                // in the window
	quickly      = 15 * time.Second // a life shorter than this did not stand
	exitConfig   = 78               // "the configuration is at fault, starting again is no use", see sysexits(3)
)

// remedy is what is done to a peer.
type remedy string

const (
	leave      remedy = ""          // nothing
	restart    remedy = "restart"   // start it again as it is
	generation remedy = "directive" // start it on a generation that was good
	safeMode   remedy = "safe-mode" // start it with nothing but bus, health and repair
	hold       remedy = "hold"      // give up, and call the human
)

// failure is one time that a peer failed.
type failure struct {
	at     time.Time
	cause  string        // equal for failures of the same cause; "" while that is being found out
	served time.Duration // how long that life had served
}

// repair is one time that something was done about it.
type repair struct {
	at   time.Time
	what remedy
}

// plight is everything that a decision rests on.
type plight struct {
	verdict  msg.Verdict
	spared   string // why nobody may touch the peer, "" when it may be
	policy   string
	observes string // why the policy is only to observe
	held     string // why repairs are held
	busy     string // what is done to it now, here or by another gateway
	manager  string
	gaveUp   bool   // the manager does not start it again by itself
	lives    bool   // its process is there, and hangs
	foreign  string // who holds its ports, "" when nobody does
	seen     bool   // it was heard of since this observer began
	exit     *msg.Exit
	running  uint64 // the generation that failed, 0 when not known
	lastGood uint64 // 0 when there is none, or it is not known
	learning bool   // what is known of its end is being collected
	failures []failure
	repairs  []repair
	began    time.Time // when this observer began
}

// decision is what to do now and why. A decision to leave the peer alone is made
// again at the next look.
type decision struct {
	do         remedy
	abort      bool   // end its process first
	generation uint64 // of the remedy generation
	why        string // one sentence
}

// decide is the whole policy of repair. It is pure.
func decide(p plight, now time.Time) decision {
	if why := p.hands(now); why != "" {
		return decision{why: why}
	}
	d := p.remedy(now)
	// Who restarts it as it is need not be us, and the human need not come for it.
	if (d.do == restart || d.do == hold) && !p.lives && !p.gaveUp && now.Sub(p.last().at) < managerGrace {
		return decision{why: fmt.Sprintf("%s starts it again by itself: it has %s", managerName(p.manager), managerGrace)}
	}
	if d.do == hold {
		return d
	}
	d.abort = p.lives
	return d
}

// hands returns why the observer has to keep its hands off the peer now, "" when
// it may act.
func (p plight) hands(now time.Time) string {
	switch {
	case p.spared != "":
		return p.spared
	case p.policy == config.PolicyObserve:
		return p.observes
	case p.held != "":
		return "repairs are held: " + p.held
	case p.busy != "":
		return p.busy
	case p.verdict == msg.VerdictStarting:
		return "it is starting"
	case p.verdict != msg.VerdictDown && p.verdict != msg.VerdictHung:
		return "it is " + string(p.verdict)
	case !p.seen && now.Sub(p.began) < peerGrace:
		return fmt.Sprintf("this observer began a moment ago: it has %s to come by itself", peerGrace)
	case p.manager == "":
		return "no service manager keeps it: install it as a service, or run it by clawdbot up"
	case p.learning || len(p.failures) == 0 || p.last().cause == "":
		return "what is known of its end is being collected"
	case len(p.repairs) > 0 && now.Sub(p.lastRepair().at) < settleFor && !p.last().at.After(p.lastRepair().at):
		return fmt.Sprintf("%s was done a moment ago", p.lastRepair().what)
	case p.foreign != "":
		return p.foreign + ": it cannot start before that ends"
	}
	return ""
}

// remedy chooses what helps, by how often the peer failed in the same way.
func (p plight) remedy(now time.Time) decision {
	recent := 0
	for _, r := range p.repairs {
		if now.Sub(r.at) < window {
			recent++
		}
	}
	if recent >= maxRepairs {
		return decision{do: hold, why: fmt.Sprintf("%d repairs in %s did not help", recent, window)}
	}
	rung, again := p.rung(now)
	refused := p.exit != nil && p.exit.Status == exitConfig
	other := p.lastGood != 0 && p.lastGood != p.running
	switch {
	case p.policy == config.PolicyRestart:
		return decision{do: restart, why: again}
	case refused && rung == 1 && other:
		return decision{do: generation, generation: p.lastGood, why: "it refuses its configuration, so starting it as it is would be no use"}
	case rung == 1:
		return decision{do: restart, why: again}
	case rung == 2 && other:
		return decision{do: generation, generation: p.lastGood, why: again}
	case p.last().served >= quickly:
		return decision{do: restart, why: again + ", but served in between"}
	case rung == 2:
		return decision{do: restart, why: again + ", and there is no other generation that was good"}
	case rung == 3:
		return decision{do: safeMode, why: again}
	}
	return decision{do: hold, why: again}
}

// rung counts the failures of the last one's cause, and what was done about the
// last one without success, and says it in words. One that was given another
// configuration and failed at once stands above that, whatever the cause is now.
func (p plight) rung(now time.Time) (int, string) {
	last, n := p.last(), 0
	for _, f := range p.failures {
		if f.cause == last.cause && now.Sub(f.at) < window {
			n++
		}
	}
	tried := leave
	for _, r := range p.repairs {
		if now.Sub(r.at) >= window {
			continue
		}
		if !last.at.After(r.at) {
			n++
		}
		if last.served < quickly && r.what != restart {
			tried = r.what
		}
	}
	switch {
	case tried == generation && n <= 3:
		return 3, "it failed again at once, on a generation that was good"
	case tried == safeMode:
		return 4, "it failed again, also in safe mode"
	case n == 1 && p.lives:
		return 1, "it hangs"
	case n == 1:
		return 1, "it does not run"
	}
	return n, fmt.Sprintf("it failed %d times in %s in the same way", n, short(window))
}

func (p plight) last() failure {
	if len(p.failures) == 0 {
		return failure{}
	}
	return p.failures[len(p.failures)-1]
}

func (p plight) lastRepair() repair { return p.repairs[len(p.repairs)-1] }
