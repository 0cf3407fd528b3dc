package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"clawdbot/profile/config/json5"
)

// lockWait bounds how long an edit waits for another one.
const lockWait = 5 * time.Second

// ErrChanged is returned by Edit when the config is no longer the one the caller looked at.
var ErrChanged = errors.New("the config was changed meanwhile; read it again and repeat the edit")

// ErrLocked is returned by Edit when another edit does not end.
var ErrLocked = errors.New("another command edits the config and does not end")

// Edit changes the config file: it reads the file under a lock beside it (<file>.lock), hands the
// text to change, and replaces the file in one step if the result loads. A missing file is nil text.
//
// expectHash is the Loaded.Hash that the caller looked at; with another one on disk Edit returns
// ErrChanged. Empty skips the check. Changes of other programs, which take no lock, are noticed as
// long as they happen before the file is replaced.
//
// A result with errors is refused with an *Error and changes nothing, unless the file had errors
// before and the edit adds none. A text that is not JSON5 can only be replaced as a whole.
//
// Mode and owner stay, a new file has mode 0600, a symbolic link is followed. The result is
// the config now in the file, also beside an *Error about what was wrong before and still is.
func Edit(o Options, expectHash string, change func(text []byte) ([]byte, error)) (*Loaded, error) {
	o.Path = filepath.Clean(o.Path)
	target, err := followLink(o.Path)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(target)
	if err != nil {
		return nil, err
	}
	defer unlock()

	before, beforeErr := Load(o)
	if before == nil {
		return nil, beforeErr
	}
	if expectHash != "" && expectHash != before.Hash {
		return nil, ErrChanged
	}
	text, err := change(slices.Clone(before.Text))
	if err != nil {
		return nil, explain(err, unreadable(beforeErr, o.Path))
	}
	if before.Exists && bytes.Equal(text, before.Text) {
		return before, beforeErr
	}
	after, err := load(o, withRoot(o.Path, text))
	if added := addedIssues(o.Path, beforeErr, err); added != nil {
		return nil, added
	}
	if current, err := ReadFile(target); !bytes.Equal(current, before.Text) || err != nil && before.Exists {
		return nil, ErrChanged
	}
	if writeErr := replaceFile(target, text); writeErr != nil {
		return nil, writeErr
	}
	return after, err
}

// Set is Edit with one value: path as in agents.list[0].id, the value in JSON5.
func Set(o Options, expectHash, path, value string) (*Loaded, error) {
	steps, err := json5.ParsePath(path)
	if err != nil {
		return nil, err
	}
	return Edit(o, expectHash, func(text []byte) ([]byte, error) { return json5.Set(text, steps, value) })
}

// Unset is Edit without one value. It returns json5.ErrNotFound when the file does not hold it.
func Unset(o Options, expectHash, path string) (*Loaded, error) {
	steps, err := json5.ParsePath(path)
	if err != nil {
		return nil, err
	}
	return Edit(o, expectHash, func(text []byte) ([]byte, error) { return json5.Unset(text, steps) })
}

// unreadable is the issue that makes the root file no JSON5 at all, or nil. It is then the only one.
func unreadable(err error, path string) *Issue {
	if e := new(Error); errors.As(err, &e) && e.Issues[0].Rule == "syntax" && e.Issues[0].File == path {
		return &e.Issues[0]
	}
	return nil
}

// explain names the line to mend when an edit failed because the file is not JSON5.
func explain(err error, broken *Issue) error {
	if e := new(json5.SyntaxError); broken == nil || !errors.As(err, &e) {
		return err
	}
	first := *broken
	first.Hint = "this line must be mended by hand before single values can be edited"
	return &Error{Issues: []Issue{first}}
}

// addedIssues is what is wrong after an edit of the file at path and was not before, or nil.
func addedIssues(path string, before, after error) error {
	b, a := new(Error), new(Error)
	switch {
	case after == nil:
		return nil
	case !errors.As(after, &a), !errors.As(before, &b):
		return after
	case unreadable(before, path) != nil && unreadable(after, path) == nil:
		return nil // only now that the text can be read do the other issues show
	}
	added := slices.DeleteFunc(slices.Clone(a.Issues), func(i Issue) bool {
		return slices.ContainsFunc(b.Issues, func(j Issue) bool {
			return i.File == j.File && i.Path == j.Path && i.Rule == j.Rule && i.Message == j.Message
		})
	})
	if len(added) == 0 {
		return nil
	}
	return &Error{Issues: added}
}

// withRoot reads files, but the root file from memory.
func withRoot(path string, text []byte) func(string) ([]byte, error) {
	return func(file string) ([]byte, error) {
		if file == path {
			return text, nil
		}
		return ReadFile(file)
	}
}

// lock takes the lock of the config file. The lock file stays: removing it would race.
func lock(target string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	l := flock.New(target+".lock", flock.SetPermissions(0o600))
	_, err = l.TryLockContext(ctx, 5*time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("%s: %w", target, ErrLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", target, err)
	}
	return func() { _ = l.Unlock() }, nil // closing the file unlocks it in any case
}

// followLink is the file that path leads to through symbolic links, which need not exist yet.
func followLink(path string) (string, error) {
	for range 40 {
		link, err := os.Readlink(path)
		if err != nil {
			return path, nil
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
	return "", fmt.Errorf("%s: too many symbolic links", path)
}

// replaceFile writes text to path so that at any moment, also after a power cut, the file is whole.
func replaceFile(path string, text []byte) (err error) {
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(text)
	if err == nil && info != nil {
		err = keepModeAndOwner(tmp, info)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
