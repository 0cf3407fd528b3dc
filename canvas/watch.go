package canvas

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"clawdbot/bus/msg"
)

const (
	settle     = 40 * time.Millisecond // from the first change to the reload: tools write in several steps
	watchAgain = time.Second           // after the watch was lost
	maxFolders = 2048                  // that are watched
)

var errRootGone = errors.New("the root was removed")

// watch reloads pages on changes in the root until ctx ends. A root that goes
// away is waited for.
func (s *Server) watch(ctx context.Context) {
	for {
		err := s.watchRoot(ctx)
		if ctx.Err() != nil {
			return
		}
		s.health.Set(msg.StateDegraded, "live reload is off: "+err.Error())
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchAgain):
		}
	}
}

func (s *Server) watchRoot(ctx context.Context) error {
	root, err := filepath.EvalSymlinks(s.root)
	if err != nil {
		return err
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer notify.Close()
	w := &watcher{Watcher: notify, root: root}
	if err := w.add(root); err != nil {
		return err
	}
	s.pages.changed() // what happened before was not seen
	var settled <-chan time.Time
	for {
		s.healthy(w.full)
		select {
		case <-ctx.Done():
			return nil
		case <-settled:
			settled = nil
			s.pages.changed()
		case e := <-w.Events:
			if err := w.follow(e); err != nil {
				return err
			}
			if settled == nil && matters(e) {
				settled = time.After(settle)
			}
		case err := <-w.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return err
			}
			settled = time.After(settle) // some events were lost
		}
	}
}

// healthy tells that live reload works, for the first folders only when there
// are more than are watched.
func (s *Server) healthy(full bool) {
	if full {
		s.health.Set(msg.StateDegraded, fmt.Sprintf("live reload sees the first %d folders only", maxFolders))
		return
	}
	s.health.Set(msg.StateOK, "listens on "+s.Addr().String())
}

// watcher watches the folders of root.
type watcher struct {
	*fsnotify.Watcher
	root string // without symbolic links
	full bool   // there were more than maxFolders
}

// follow watches new folders, and notices the end of the root.
func (w *watcher) follow(e fsnotify.Event) error {
	if e.Name == w.root && e.Has(fsnotify.Remove|fsnotify.Rename) {
		return errRootGone
	}
	if e.Has(fsnotify.Create) {
		return w.add(e.Name)
	}
	return nil
}

// add watches top, if it is a folder, and those below it. Only the root must be
// there and readable.
func (w *watcher) add(top string) error {
	return filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
		case !d.IsDir():
			return nil
		case path != w.root && hidden(path):
			return fs.SkipDir
		case len(w.WatchList()) >= maxFolders:
			w.full = true
			return fs.SkipAll
		default:
			err = w.Add(path)
		}
		if path != w.root && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
			return nil
		}
		return err
	})
}

// matters says whether an event can change what a page shows.
func matters(e fsnotify.Event) bool { return e.Op != fsnotify.Chmod && !hidden(e.Name) }

func hidden(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }
