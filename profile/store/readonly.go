package store

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Look tells what a store that Peek opened is worth.
type Look struct {
	From   string // what is read: the folder that was asked for, or a checkpoint
	Damage error  // ErrCorrupt or fs.ErrNotExist, when that is not the whole store; nil when it is
}

// A store that changes while it is opened can look damaged. One that looks so peekTries times, peekPause apart, is.
const (
	peekTries = 3
	peekPause = 20 * time.Millisecond
)

// Peek opens somebody else's store to look at it, whether its owner runs or not, and takes nothing from it: it needs and
// holds no lock, so that the owner can start at any moment, and it writes nothing. The end mark proves that all is there
// that was acknowledged before the call; what comes later is not seen, and a table that the owner removes meanwhile
// shows as fs.ErrNotExist when it is read.
//
// Of a damaged store it opens what can still be read or, if that is nothing, the newest checkpoint that can, and Look
// says so. Its errors are those of Open for a store of which nothing can be read, without ErrLocked.
func Peek(cfg Config) (*Store, Look, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, Look{}, err
	}
	cfg.ReadOnly, cfg.FS = true, lockless{cfg.FS}
	s, reason := openSteady(cfg)
	if reason == nil {
		return s, Look{From: cfg.Dir}, nil
	}
	if !errors.Is(reason, ErrCorrupt) && !errors.Is(reason, fs.ErrNotExist) {
		return nil, Look{}, reason
	}
	rest := cfg
	rest.FS = markless{cfg.FS, markPath(cfg.Dir)}
	if s, err := newStore(rest); err == nil {
		return s, Look{From: cfg.Dir, Damage: reason}, nil
	}
	names, err := checkpoints(cfg.FS, cfg.Checkpoints)
	if err != nil {
		return nil, Look{}, errors.Join(reason, err)
	}
	for _, name := range names {
		rest := cfg
		rest.Dir = cfg.FS.PathJoin(name, CheckpointStore)
		if s, err := newStore(rest); err == nil {
			return s, Look{From: name, Damage: reason}, nil
		}
	}
	return nil, Look{}, reason
}

// openSteady opens a store that its owner may change at the same time.
func openSteady(cfg Config) (s *Store, err error) {
	for try := 1; ; try++ {
		s, err = newStore(cfg)
		if try == peekTries || !errors.Is(err, ErrCorrupt) {
			return s, err
		}
		time.Sleep(peekPause)
	}
}

// lockless is a file system whose locks are always free.
type lockless struct{ vfs.FS }

func (lockless) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// markless is a file system without the end mark, which therefore cannot tell that commits are missing.
type markless struct {
	vfs.FS
	mark string
}

func (m markless) Stat(name string) (vfs.FileInfo, error) {
	if name == m.mark {
		return nil, fs.ErrNotExist
	}
	return m.FS.Stat(name)
}
