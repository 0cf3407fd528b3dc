package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// backupEvery is how often a healthy gateway copies its store.
const backupEvery = 6 * time.Hour

// watchStore tells everyone when the store stops writing or finds damage. The
// gateway goes on: it can still be asked, and refuses what it cannot keep. A
// store that works is copied once the gateway is healthy, and now and then.
func (d *daemon) watchStore(ctx context.Context) error {
	health, err := bus.NewHealth(d.super.nc, d.Profile.Subjects(), "store")
	if err != nil {
		return err
	}
	health.Set(d.storeState())
	backup := time.NewTicker(backupEvery)
	defer backup.Stop()
	healthy := d.proven
	pause := max(spaceMin, d.trial.space)
	var space <-chan time.Time // next look for free space; nil while nothing waits for it
	for {
		select {
		case <-ctx.Done():
			return nil
		case fault := <-d.faults:
			d.log.Error("store", "err", fault)
			health.Set(msg.StateFailed, faultText(fault))
			if errors.Is(fault, store.ErrFull) {
				if time.Since(d.began) > spaceMax {
					pause = spaceMin
				}
				space = time.After(pause)
			}
		case <-space:
			if err := d.roomFor(spaceNeeded); err != nil {
				space = time.After(pause)
				continue
			}
			d.restart(trial{space: min(2*pause, spaceMax)}, "there is space again, the store is opened anew")
			return nil
		case <-healthy:
			healthy = nil // once
			d.backUp()
		case <-backup.C:
			d.backUp()
		}
	}
}

// A store that found the disk full is opened again once there is space for
// spaceNeeded more. The pause before a look doubles each time that was too early.
const (
	spaceNeeded = 8 << 20
	spaceMin    = time.Second
	spaceMax    = time.Minute
)

// roomFor tries whether n more bytes can be written beside the store.
func (d *daemon) roomFor(n int) (err error) {
	f, err := os.CreateTemp(d.Profile.StateDir, ".probe-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 64<<10)
	for ; n > 0 && err == nil; n -= len(block) {
		_, err = f.Write(block)
	}
	return errors.Join(err, f.Sync())
}

// faultText is a fault with the way out: a store that stopped writing does so
// until it is opened again.
func faultText(fault error) string {
	if errors.Is(fault, store.ErrFull) {
		return fault.Error() + "; free some space, and the gateway goes on by itself"
	}
	return fault.Error() + "; start the gateway again"
}

// storeState is degraded while a damaged store lies beside the one that took
// its place: what it held may be missing, and its owner has to look.
func (d *daemon) storeState() (msg.State, string) {
	damaged, err := filepath.Glob(d.Profile.StoreDir() + ".corrupt-*")
	if err != nil || len(damaged) == 0 {
		return msg.StateOK, ""
	}
	detail := "was damaged and replaced; the old one is in " + damaged[len(damaged)-1] + ": remove it when nobody needs it"
	if d.recovery.Reason != nil {
		detail = fmt.Sprintf("was damaged and replaced by %s; the old one is in %s: remove it when nobody needs it",
			successor(d.recovery), d.recovery.Quarantined)
	}
	return msg.StateDegraded, detail
}

// successor says what took the place of a damaged store.
func successor(r store.Recovery) string {
	lost := ""
	if r.Missing > 0 {
		lost = fmt.Sprintf(", %d commits fewer", r.Missing)
	}
	switch {
	case r.Restored == "":
		return "an empty one: there was no good copy"
	case r.Salvaged:
		return fmt.Sprintf("what could be read of it, %d commits%s", r.Commits, lost)
	}
	return "the copy " + r.Restored + lost
}

func (d *daemon) backUp() {
	if dir, err := d.store.Backup(); err != nil {
		d.log.Warn("store not copied", "err", err)
	} else {
		d.log.Debug("store copied", "to", dir)
	}
}
