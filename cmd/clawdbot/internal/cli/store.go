package cli

import (
	"errors"
	"os"

	"clawdbot/profile"
	"clawdbot/profile/store"
)

// withStore runs fn on the store of a profile whose gateway does not run. A
// store that is not there is not made: that is fs.ErrNotExist.
func withStore(p profile.Profile, readOnly bool, fn func(*store.Store) error) error {
	if _, err := os.Stat(p.StoreDir()); err != nil {
		return err
	}
	s, err := store.Open(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir(), ReadOnly: readOnly})
	if err != nil {
		return err
	}
	err = fn(s)
	return errors.Join(err, s.Close())
}

// peek runs fn on a profile's store without taking it from anybody: a gateway
// can run or start meanwhile. Damage says why something may be missing in it. A
// store that is not there is fs.ErrNotExist.
func peek(p profile.Profile, fn func(*store.Store) error) (damage, err error) {
	s, look, err := store.Peek(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir()})
	if err != nil {
		return nil, err
	}
	err = fn(s)
	return look.Damage, errors.Join(err, s.Close())
}
