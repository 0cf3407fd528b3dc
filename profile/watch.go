package profile

import (
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

// missed is how late a change is told that the system did not tell of: there
// were too many, another host made it, or the folder itself was removed.
const missed = 5 * time.Second

// Watch reports on the channel that the registry may have changed, several
// changes at once as one. The stop function ends it and frees what it holds.
func (r Registry) Watch() (changed <-chan struct{}, stop func()) {
	c, done, ended := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	w, err := fsnotify.NewWatcher()
	if err != nil { // the host is out of watches
		w = &fsnotify.Watcher{}
	}
	watch := func() {
		if err == nil && os.MkdirAll(r.dir, 0o700) == nil {
			_ = w.Add(r.dir) // changes nothing when it is watched already; what cannot be watched is looked at all the same
		}
	}
	watch()
	go func() {
		defer close(ended)
		tick := time.NewTicker(missed)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case e := <-w.Events:
				if e.Has(fsnotify.Write) || e.Has(fsnotify.Chmod) {
					continue // entries are written beside their place and renamed
				}
			case <-w.Errors: // events were lost: look at once
			case <-tick.C:
			}
			watch() // the folder may be a new one
			select {
			case c <- struct{}{}:
			default: // a change that is not yet taken covers this one
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
