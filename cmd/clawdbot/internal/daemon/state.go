package daemon

import (
	"context"
	"errors"
	"fmt"
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
	healthy := d.super.healthy
	for {
		select {
		case <-ctx.Done():
			return nil
		case fault := <-d.faults:
			d.log.Error("store", "err", fault)
			health.Set(msg.StateFailed, faultText(fault))
		case <-healthy:
			healthy = nil // once
			d.backUp()
		case <-backup.C:
			d.backUp()
		}
	}
}

// faultText is a fault with the way out: a store that stopped writing does so
// until it is opened again.
func faultText(fault error) string {
	if errors.Is(fault, store.ErrFull) {
		return fault.Error() + "; free some space and start the gateway again"
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
