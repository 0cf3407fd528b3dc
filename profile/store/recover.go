package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Recovery tells what Recover had to do. It is zero for a store that opened. It is meant to be said aloud.
type Recovery struct {
	Reason      error   // why the store could not be used
	Quarantined string  // where it lies now
	Restored    string  // the checkpoint that took its place; "" means an empty store did
	Skipped     []error // newer checkpoints that are damaged too, one error each
}

// Recover is Open for the owner of the store: a store that is ErrCorrupt is moved aside, with its end mark, and the
// newest checkpoint that verifies is put in its place, or an empty store if there is none. All other errors of Open are
// returned and change nothing; so does an error in copying the checkpoint, such as ErrFull. A crash on the way is
// found, and the way gone again, at the next call.
func Recover(ctx context.Context, cfg Config) (*Store, Recovery, error) {
	s, err := Open(cfg)
	if err == nil || cfg.ReadOnly || !errors.Is(err, ErrCorrupt) {
		return s, Recovery{}, err
	}
	rec := Recovery{Reason: err}
	if cfg, err = cfg.withDefaults(); err != nil {
		return nil, rec, err
	}
	fresh := cfg.Dir + ".restoring"
	if rec.Restored, rec.Skipped, err = restore(ctx, cfg, fresh); err != nil {
		return nil, rec, fmt.Errorf("restore store %s: %w", cfg.Dir, classify(err))
	}
	rec.Quarantined = cfg.Dir + ".corrupt-" + time.Now().UTC().Format(checkpointTime)
	if err := exchange(cfg, fresh, rec); err != nil {
		return nil, rec, fmt.Errorf("quarantine store %s: %w", cfg.Dir, classify(err))
	}
	s, err = Open(cfg)
	return s, rec, err
}

// restore puts the newest good checkpoint at dir and returns its name, or "" if there is none.
func restore(ctx context.Context, cfg Config, dir string) (from string, skipped []error, err error) {
	all, err := checkpoints(cfg.FS, cfg.Checkpoints)
	if err != nil {
		return "", nil, err
	}
	for _, from := range all {
		err := copyCheckpoint(ctx, cfg, from, dir)
		if err == nil {
			return from, skipped, nil
		}
		if !errors.Is(err, ErrCorrupt) {
			return "", skipped, err
		}
		skipped = append(skipped, fmt.Errorf("checkpoint %s: %w", from, err))
	}
	return "", skipped, removeStore(cfg.FS, dir)
}

// copyCheckpoint copies one checkpoint to dir and proves the copy.
func copyCheckpoint(ctx context.Context, cfg Config, from, dir string) error {
	if err := removeStore(cfg.FS, dir); err != nil {
		return err
	}
	if err := cfg.FS.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	from = cfg.FS.PathJoin(from, CheckpointStore)
	for source, target := range map[string]string{from: dir, markPath(from): markPath(dir)} {
		found, err := vfs.Clone(cfg.FS, cfg.FS, source, target, vfs.CloneSync)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%w: %s is missing", ErrCorrupt, source)
		}
	}
	s, err := Open(Config{Dir: dir, FS: cfg.FS, Log: cfg.Log})
	if err != nil {
		return err
	}
	_, err = s.Verify(ctx)
	return errors.Join(err, s.Close())
}

// exchange moves the damaged store to rec.Quarantined and the restored one, if any, to its place. The old end mark goes
// last, so that until then Open still finds the store wanting, and the exchange is made again after a crash.
func exchange(cfg Config, fresh string, rec Recovery) error {
	if err := cfg.FS.Rename(cfg.Dir, rec.Quarantined); err != nil {
		return err
	}
	if rec.Restored != "" {
		if err := cfg.FS.Rename(fresh, cfg.Dir); err != nil {
			return err
		}
	}
	err := cfg.FS.Rename(markPath(cfg.Dir), markPath(rec.Quarantined))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if rec.Restored != "" {
		if err := cfg.FS.Rename(markPath(fresh), markPath(cfg.Dir)); err != nil {
			return err
		}
	}
	return syncDir(cfg.FS, filepath.Dir(cfg.Dir))
}

// removeStore removes the store in dir, and its mark.
func removeStore(fsys vfs.FS, dir string) error {
	return errors.Join(fsys.RemoveAll(dir), fsys.RemoveAll(markPath(dir)))
}
