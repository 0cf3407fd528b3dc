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
