package drill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/proc"
)

// errNoMeans says that this system has no means for a fault.
var errNoMeans = errors.New("this system has no means for it")

// fault is one thing to rehearse. One without kinds is no fault at all but
// something that must not be taken for one.
type fault struct {
	Fault
	detect  time.Duration // promised; 0 means nothing is
	recover time.Duration
	signs   []msg.Verdict      // what the rescue says of main when it notices
	kinds   []msg.IncidentKind // of the incident that must come of it, the best one first
	excuses func(sign) bool    // alarms that are no false ones
	strike  func(context.Context, *rehearsal) error
}

func (f fault) harmless() bool { return len(f.kinds) == 0 }

func faults() []fault {
	down, hung := []msg.Verdict{msg.VerdictDown}, []msg.Verdict{msg.VerdictHung}
	return []fault{{
		Fault: Fault{"freeze", "main's process is stopped and does nothing any more"}, detect: 3 * time.Second, recover: 6 * time.Second,
		signs: hung, kinds: []msg.IncidentKind{msg.KindHang}, strike: freeze,
	}, {
		Fault: Fault{"kill", "main's process is killed"}, detect: 100 * time.Millisecond, recover: 2 * time.Second,
		signs: down, kinds: []msg.IncidentKind{msg.KindCrash}, strike: killMain,
	}, {
		Fault: Fault{"bad-config", "main's config gets a line that is wrong, and main is killed"}, detect: 100 * time.Millisecond, recover: 10 * time.Second,
		signs: down, kinds: []msg.IncidentKind{msg.KindBadConfig}, strike: badConfig,
	}, {
		Fault: Fault{"crash-loop", "main dies again and again while it runs a changed config"}, detect: 100 * time.Millisecond, recover: 20 * time.Second,
		signs: down, kinds: []msg.IncidentKind{msg.KindCrashLoop, msg.KindBadConfig}, strike: crashLoop,
	}, {
		Fault: Fault{"full-disk", "main cannot write to its files, until there is room again"}, detect: 3 * time.Second, recover: 10 * time.Second,
		signs: []msg.Verdict{msg.VerdictDegraded}, kinds: []msg.IncidentKind{msg.KindDiskFull}, strike: fullDisk,
	}, {
		Fault: Fault{"stolen-port", "main is killed, and another program has its port for a while"}, detect: 100 * time.Millisecond, recover: 12 * time.Second,
		signs: down, kinds: []msg.IncidentKind{msg.KindPortStolen}, strike: stolenPort,
	}, {
		Fault: Fault{"corrupt-store", "main is killed, and a byte of its store changes"}, detect: 100 * time.Millisecond, recover: 5 * time.Second,
		signs: down, kinds: []msg.IncidentKind{msg.KindStoreCorrupt}, strike: corruptStore,
	}, {
		Fault:  Fault{"slow-start", "main is killed, and starts again very slowly"},
		strike: slowStart, excuses: ofTheKill,
	}, {
		Fault:  Fault{"busy-host", "busy loops on all processors, and the rescue stopped for a while"},
		strike: busyHost, excuses: func(s sign) bool { return s.observer == nameMain },
	}, {
		Fault:  Fault{"clock-jump", "everything is stopped and continued, as on a host that was suspended"},
		strike: clockJump,
	}}
}

// ofTheKill says whether the rescue tells of the kill before a slow start.
func ofTheKill(s sign) bool {
	return s.observer == nameRescue && (s.verdict == msg.VerdictDown || s.incident.Kind == msg.KindCrash)
}

func freeze(_ context.Context, r *rehearsal) error { return r.hurt(suspend) }

func killMain(_ context.Context, r *rehearsal) error { return r.hurt(kill) }

// badConfig wants the last good generation to run, and everyone told which line
// was wrong.
func badConfig(ctx context.Context, r *rehearsal) error {
	good, line := r.newest().Generation, 0
	port := fmt.Sprintf("port: %d", r.ports[nameMain].Gateway)
	r.check = func() {
		if b := r.newest(); b.Source != "fallback" || b.Generation != good {
			r.score.fail("main runs generation %d of the %s, not the last good one, %d", b.Generation, b.Source, good)
		}
		place := fmt.Sprintf("%s:%d:", filepath.Base(r.main.ConfigPath), line)
		r.read(func() {
			if !slices.ContainsFunc(r.incidents(nameRescue), func(i msg.Incident) bool { return names(i, place) }) {
				r.score.fail("no incident names the wrong line, %s", place)
			}
		})
	}
	return r.whileDead(ctx, func() (err error) {
		line, err = r.rewrite(port, `port: "twelve"`)
		return err
	})
}

// names says whether a person who reads the incident is told of the place.
func names(i msg.Incident, place string) bool {
	if i.Config != nil && strings.Contains(strings.Join(i.Config.Issues, "\n"), place) {
		return true
	}
	return strings.Contains(i.Summary, place)
}

// mostDeaths is how often main dies of a generation until it is left alone.
const mostDeaths = 4

// crashLoop kills main whenever it is ready with the changed config.
func crashLoop(ctx context.Context, r *rehearsal) error {
	last := r.newest()
	good := last.Generation
	err := r.whileDead(ctx, func() error {
		_, err := r.rewrite("  rescue:", "  env: { DRILL: \"a changed config\" },\n  rescue:")
		return err
	})
	for deaths := 0; err == nil; deaths++ {
		again := func() bool { return r.beat.Boot != last.Boot && r.beat.Phase == msg.PhaseReady }
		if !r.await(ctx, patience, again) || r.newest().Generation == good {
			return nil // how it went shows when it has to serve
		}
		if deaths == mostDeaths {
			r.score.fail("main ran generation %d again, of which it had died %d times", r.newest().Generation, deaths)
			return nil
		}
		last = r.newest()
		if err = r.hurt(kill); errors.Is(err, proc.ErrGone) { // it was ended by another meanwhile
			err = nil
		}
	}
	return err
}

// fullMost is how long the disk stays full at most, until somebody tells of it.
const fullMost = 10 * time.Second

func fullDisk(_ context.Context, r *rehearsal) error {
	r.heal = func(ctx context.Context) error {
		r.await(ctx, fullMost, r.settled)
		err := r.hurt(room)
		if errors.Is(err, proc.ErrGone) { // it was ended meanwhile; the next one has no limit
			return nil
		}
		return err
	}
	return r.hurt(noRoom)
}

// The port is kept from main for a few starts, and until somebody tells of it.
const (
	thiefStays     = 3 * time.Second
	thiefStaysMost = 8 * time.Second
)

func stolenPort(ctx context.Context, r *rehearsal) error {
	return r.whileDead(ctx, func() error {
		thief, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", r.ports[nameMain].Gateway))
		if err != nil {
			return err
		}
		r.heal = func(ctx context.Context) error {
			err := wait(ctx, thiefStays)
			r.await(ctx, thiefStaysMost-thiefStays, r.settled)
			return errors.Join(err, thief.Close())
		}
		return nil
	})
}

// corruptStore damages the newest log of the store, which holds what came after
// a copy of the store was made. No message is on its way between the two: what
// is on a damaged disk and nowhere else cannot be had back.
func corruptStore(ctx context.Context, r *rehearsal) error {
	r.traffic.turn.Lock()
	defer r.traffic.turn.Unlock()
	if out, err := r.command(ctx, "--profile", nameMain, "state", "checkpoint").CombinedOutput(); err != nil {
		return fmt.Errorf("copy of main's store: %w: %s", err, out)
	}
	return r.whileDead(ctx, func() error { return damage(r.main.StoreDir()) })
}

// damage changes a byte in the middle of the newest log of the store.
func damage(dir string) (err error) {
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) == 0 {
		return fmt.Errorf("no log in %s: %w", dir, err)
	}
	f, err := os.OpenFile(slices.Max(logs), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, info.Size()/2); err != nil {
		return err
	}
	one[0] ^= 0xff
	_, err = f.WriteAt(one, info.Size()/2)
	return err
}
