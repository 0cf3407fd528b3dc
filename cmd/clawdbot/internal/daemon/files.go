package daemon

import (
	"path/filepath"
	"slices"

	"github.com/fsnotify/fsnotify"
)

// watchFiles tells on the channel that one of the files may have changed. It
// watches their folders: editors replace a file rather than write it. What the
// system does not tell of has to be looked for.
func watchFiles(paths []string) (changed <-chan struct{}, stop func()) {
	c, done, ended := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	w, err := fsnotify.NewWatcher()
	if err != nil { // the host is out of watches
		w = &fsnotify.Watcher{}
	}
	for _, path := range paths {
		if err == nil {
			_ = w.Add(filepath.Dir(path)) // of a folder that cannot be watched nothing is told
		}
	}
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case e := <-w.Events:
				if !slices.Contains(paths, e.Name) {
					continue
				}
			case <-w.Errors: // events were lost
			}
			select {
			case c <- struct{}{}:
			default: // one that is not yet taken covers this one
			}
		}
	}()
	return c, func() {
		close(done)
		<-ended
		if err == nil {
			_ = w.Close()
		}
	}
}
