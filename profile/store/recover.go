package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Recovery tells what Recover had to do. It is zero for a store that opened without a doubt. It is meant to be said
// aloud.
type Recovery struct {
	Reason      error  // why the store could not be used; nil when it opened
	Quarantined string // where it lies now
	// Restored is what took its place: a checkpoint, or Quarantined when Salvaged; "" means an empty store did.
	Restored string
	Salvaged bool     // what can still be read of the damaged store took its place: it held more than the checkpoints
	Commits  uint64   // how many commits took its place
	Missing  uint64   // how many more were acknowledged; 0 also when the end mark, which tells, is lost too
	Skipped  []error  // newer copies that are damaged too, one error each
	Warnings []string // one sentence each, of a store that opened as well
}

// Recover is Open for the owner of the store: a store that is ErrCorrupt is moved aside, with its end mark. In its place
// comes a copy of it, if all its files are sound and only its newest commits are missing, or the newest checkpoint that
// verifies, whichever holds more commits, or an empty store if there is neither. All other errors of Open are returned
// and change nothing; so does an error in copying, such as ErrFull. A crash on the way is found, and the way gone again,
// at the next call.
func Recover(ctx context.Context, cfg Config) (*Store, Recovery, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, Recovery{}, err
	}
	fresh := cfg.Dir + ".restoring"
	if !cfg.ReadOnly {
		if err := resumeExchange(cfg, fresh); err != nil {
			return nil, Recovery{}, fmt.Errorf("restore store %s: %w", cfg.Dir, classify(err))
		}
	}
	s, err := newStore(cfg)
	if err == nil {
		return s, Recovery{Warnings: s.warnings()}, nil
	}
	if cfg.ReadOnly || !errors.Is(err, ErrCorrupt) {
		return nil, Recovery{}, err
	}
	return replace(ctx, cfg, fresh, err)
}

// replace puts the best copy there is, made in fresh, in the place of the store that is damaged for the given reason.
func replace(ctx context.Context, cfg Config, fresh string, reason error) (*Store, Recovery, error) {
	rec := Recovery{Reason: reason}
	acknowledged, err := readMark(cfg.FS, cfg.Dir)
	if err != nil && !errors.Is(err, errMark) && !errors.Is(err, errNoMark) {
		return nil, rec, fmt.Errorf("restore store %s: %w", cfg.Dir, classify(err))
	}
	from, skipped, err := restore(ctx, cfg, fresh, reason)
	rec.Skipped = skipped
	if err != nil {
		return nil, rec, fmt.Errorf("restore store %s: %w", cfg.Dir, classify(err))
	}
	rec.Quarantined = cfg.Dir + ".corrupt-" + time.Now().UTC().Format(checkpointTime)
	rec.Restored = from
	if from == cfg.Dir {
		rec.Salvaged, rec.Restored = true, rec.Quarantined
	}
	if err := exchange(cfg, fresh, rec); err != nil {
		return nil, rec, fmt.Errorf("quarantine store %s: %w", cfg.Dir, classify(err))
	}
	s, err := newStore(cfg)
	if err != nil {
		return nil, rec, err
	}
	rec.Commits, rec.Warnings = s.commit, s.warnings()
	rec.Missing = max(acknowledged.commits, s.commit) - s.commit
	return s, rec, nil
}

func (s *Store) warnings() []string {
	if s.doubt == "" {
		return nil
	}
	return []string{s.doubt}
}

// source is a store that may take the place of the damaged one: that one itself, or one in a checkpoint.
type source struct {
	name string // as told in Recovery
	dir  string
	mark end // what it must hold; zero when that is lost
}

// restore puts the best good copy at dir and returns the name of its source, or "" if there is none.
func restore(ctx context.Context, cfg Config, dir string, reason error) (from string, skipped []error, err error) {
	all, err := sources(cfg, reason)
	if err != nil {
		return "", nil, err
	}
	for _, from := range all {
		err := from.copy(ctx, cfg, dir)
		if err == nil {
			return from.name, skipped, nil
		}
		if !errors.Is(err, ErrCorrupt) {
			return "", skipped, err
		}
		skipped = append(skipped, fmt.Errorf("copy of %s: %w", from.name, err))
	}
	return "", skipped, removeStore(cfg.FS, dir)
}

// sources lists what to try: the checkpoints, the newest first, and before those that hold no more than it, the damaged
// store, if the only reason against it is that commits are missing.
func sources(cfg Config, reason error) ([]source, error) {
	names, err := checkpoints(cfg.FS, cfg.Checkpoints)
	if err != nil {
		return nil, err
	}
	var all []source
	for _, name := range names {
		dir := cfg.FS.PathJoin(name, CheckpointStore)
		told, err := readMark(cfg.FS, dir)
		if err != nil && !errors.Is(err, errMark) && !errors.Is(err, errNoMark) {
			return nil, err
		}
		all = append(all, source{name, dir, told})
	}
	var short *shortError
	if !errors.As(reason, &short) || short.there == 0 {
		return all, nil
	}
	own, err := end{commits: short.there}.withManifest(cfg.FS, cfg.Dir)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(s source) bool { return s.mark.commits < own.commits })
	if at < 0 {
		at = len(all)
	}
	// Of a checkpoint with as many commits every block was proved once.
	return slices.Insert(all, at, source{cfg.Dir, cfg.Dir, own}), nil
}

// copy copies the store to dir and proves the copy.
func (from source) copy(ctx context.Context, cfg Config, dir string) error {
	if err := removeStore(cfg.FS, dir); err != nil {
		return err
	}
	found, err := vfs.Clone(cfg.FS, cfg.FS, from.dir, dir, vfs.CloneSync)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: %s is missing", ErrCorrupt, from.dir)
	}
	if from.mark.manifest != 0 {
		if err := writeMark(cfg.FS, markPath(dir), from.mark); err != nil {
			return err
		}
	}
	s, err := Open(Config{Dir: dir, FS: cfg.FS, Log: cfg.Log})
	if err != nil {
		return err
	}
	_, err = s.Verify(ctx)
	return errors.Join(err, s.Close())
}

// resumeExchange goes on with an exchange that a crash cut short after the damaged store was moved away: then the copy
// in fresh is complete. The old end mark is still there, and Open finds the copy wanting.
func resumeExchange(cfg Config, fresh string) error {
	for path, want := range map[string]bool{cfg.Dir: false, fresh: true, markPath(fresh): true, markPath(cfg.Dir): true} {
		_, err := cfg.FS.Stat(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if there := err == nil; there != want {
			return nil
		}
	}
	return cfg.FS.Rename(fresh, cfg.Dir)
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
