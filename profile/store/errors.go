package store

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	// ErrNotFound says that a key is not in the store.
	ErrNotFound = errors.New("store: not found")
	// ErrKey says that a component, kind or id cannot be part of a key.
	ErrKey = errors.New("store: bad key")
	// ErrLocked says that another process, or another Store of this one, has the folder open.
	ErrLocked = errors.New("store: locked by another process")
	// ErrCorrupt says that the store, or a part of it, is damaged or that acknowledged writes are missing.
	ErrCorrupt = errors.New("store: corrupt")
	// ErrFull says that the disk, a quota or a file size limit leaves no room.
	ErrFull = errors.New("store: disk full")
	// ErrReadOnly says that the folder cannot be written, or that the Store was opened with ReadOnly.
	ErrReadOnly = errors.New("store: not writable")
	// ErrNewer says that a newer version wrote the store, in a format that this one does not know.
	ErrNewer = errors.New("store: written by a newer version")
	// ErrClosed says that the Store was closed.
	ErrClosed = errors.New("store: closed")
)

// shortError is ErrCorrupt for a sound store that ends too early.
type shortError struct{ acknowledged, there uint64 }

func (e *shortError) Error() string {
	return fmt.Sprintf("%v: %d commits were acknowledged, %d are there", ErrCorrupt, e.acknowledged, e.there)
}

func (e *shortError) Unwrap() error { return ErrCorrupt }

// classify puts the sentinel that a caller can act on in front of a disk error.
func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case vfs.IsNoSpaceError(err), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w: %w", ErrCorrupt, oneLine{err})
	}
	return err
}

// classifyOpen is classify for what pebble.Open returns. Most of its words about damaged files carry no mark, so all
// that is not the system's own refusal counts as damage. A missing file is damage, since the folder was there.
func classifyOpen(err error) error {
	var errno syscall.Errno
	system := errors.As(err, &errno) && !errors.Is(err, fs.ErrNotExist)
	switch e := classify(err); {
	case system || !errors.Is(err, e): // it is told already, by the system or by classify
		return e
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return fmt.Errorf("%w: %w", ErrCorrupt, oneLine{err})
}

// oneLine is an error of Pebble without the further lines, which name only what it carries for programs.
type oneLine struct{ error }

func (e oneLine) Error() string {
	first, _, _ := strings.Cut(e.error.Error(), "\n")
	return first
}

func (e oneLine) Unwrap() error { return e.error }
