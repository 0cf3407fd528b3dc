package chromium

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

// Owned is a Chromium that a gateway of this profile started.
type Owned struct {
	proc.Identity
	Profile string    `json:"profile"` // browser profile
	Port    int       `json:"port"`
	Folder  string    `json:"folder"`
	Host    string    `json:"host"` // its name at the start, which the folder's lock tells
	Since   time.Time `json:"since"`
}

// Ledger keeps which Chromiums are ours, from before they can do anything until
// they have ended. What it names may be ended, and its folder freed, by a
// gateway that knows nothing else of it: a pid together with its start time is
// proof. Nil is a ledger that keeps nothing. It is safe for use by many
// goroutines.
type Ledger struct {
	db    *store.Store
	owned store.Keyspace[Owned]
}

// NewLedger returns the ledger in the store, which outlives it.
func NewLedger(db *store.Store) *Ledger {
	return &Ledger{db, store.NewKeyspace[Owned](db, "browser", "owner")}
}

// All returns the entries by browser profile.
func (l *Ledger) All() ([]Owned, error) {
	if l == nil {
		return nil, nil
	}
	var all []Owned
	for e, err := range l.owned.All() {
		if err != nil {
			return nil, fmt.Errorf("browser ledger: %w", err)
		}
		all = append(all, e.Value)
	}
	return all, nil
}

// enter makes the process the one of its browser profile.
func (l *Ledger) enter(p *Process) error {
	if l == nil {
		return nil
	}
	info, err := proc.Find(p.PID)
	if errors.Is(err, proc.ErrGone) { // it ended at once
		return nil
	}
	if err != nil {
		return fmt.Errorf("browser ledger: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("browser ledger: %w", err)
	}
	p.id = info.Identity
	owned := Owned{Identity: p.id, Profile: p.Profile, Port: p.Port, Folder: p.Folder, Host: host, Since: time.Now()}
	if err := l.owned.Put(p.Profile, owned); err != nil {
		return fmt.Errorf("browser ledger: %w", err)
	}
	return nil
}

// strike removes the process from its browser profile, unless that has another
// one by now.
func (l *Ledger) strike(profile string, id proc.Identity) error {
	if l == nil {
		return nil
	}
	err := l.db.Update(func(tx *store.Tx) error {
		owned := l.owned.With(tx)
		switch now, err := owned.Get(profile); {
		case errors.Is(err, store.ErrNotFound):
			return nil
		case err != nil:
			return err
		case now.Identity != id:
			return nil
		}
		return owned.Delete(profile)
	})
	if err != nil {
		return fmt.Errorf("browser ledger: %w", err)
	}
	return nil
}

// clearGrace is how long a Chromium of an earlier life may take to close before
// it is killed.
const clearGrace = 1500 * time.Millisecond

// Clear ends the Chromiums that an earlier life of the gateway left behind, and
// frees their folders. On Linux they ended with it, unless it was only given up.
func (l *Launcher) Clear(ctx context.Context) error {
	left, err := l.cfg.Ledger.All()
	if err != nil {
		return err
	}
	failed := make([]error, len(left))
	var clearing sync.WaitGroup
	for i, o := range left {
		clearing.Go(func() { failed[i] = l.clear(ctx, o) })
	}
	clearing.Wait()
	return errors.Join(failed...)
}

func (l *Launcher) clear(ctx context.Context, o Owned) error {
	_, err := proc.Same(o.Identity)
	if err == nil {
		l.cfg.Log.Info("chromium of an earlier gateway is ended", "browserProfile", o.Profile, "pid", o.PID)
		err = proc.Terminate(ctx, o.Identity, clearGrace)
	}
	// One in another container ended with the gateway there, which had the store
	// that we have now.
	if err != nil && !errors.Is(err, proc.ErrGone) && !errors.Is(err, proc.ErrHidden) {
		return fmt.Errorf("browser profile %s: end Chromium (process %d) of an earlier gateway: %w", o.Profile, o.PID, err)
	}
	if owner, err := readLock(o.Folder); err == nil && owner == (lock{o.Host, o.PID}) && !uses(o.PID, o.Folder) {
		sweep(o.Folder)
	}
	return l.cfg.Ledger.strike(o.Profile, o.Identity)
}
