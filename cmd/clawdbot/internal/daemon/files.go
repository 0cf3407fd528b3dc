package daemon

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// missedChange is how late a change is seen that the system did not tell of.
const missedChange = 5 * time.Second

// watchFiles tells on the channel that one of the files may have changed. It
// watches their folders: editors replace a file rather than write it.
func watchFiles(paths []string) (changed <-chan struct{}, stop func()) {
	c, done, ended := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	w, err := fsnotify.NewWatcher()
	if err != nil { // the host is out of watches: the ticks remain
		w = &fsnotify.Watcher{}
	}
	for _, path := range paths {
		if err == nil {
			_ = w.Add(filepath.Dir(path)) // a folder that cannot be watched is looked at by the ticks
		}
	}
	go func() {
		defer close(ended)
		tick := time.NewTicker(missedChange)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case e := <-w.Events:
				if !slices.Contains(paths, e.Name) {
					continue
				}
			case <-w.Errors: // events were lost
			case <-tick.C:
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
