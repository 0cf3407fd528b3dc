package profile

import (
	"fmt"
	"os"

	"github.com/fsnotify/fsnotify"
)

// Watch reports on the channel that the registry changed, several changes at
// once as one. The stop function ends it and frees what it holds.
func (r Registry) Watch() (changed <-chan struct{}, stop func(), err error) {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("host registry: %w", err)
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, fmt.Errorf("watch host registry: %w", err)
	}
	if err := w.Add(r.dir); err != nil {
		_ = w.Close()
		return nil, nil, fmt.Errorf("watch host registry: %w", err)
	}
	c := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case e, ok := <-w.Events:
				if !ok {
					return
				}
				if e.Has(fsnotify.Create) || e.Has(fsnotify.Rename) || e.Has(fsnotify.Remove) {
					select {
					case c <- struct{}{}:
					default: // a change that is not yet taken covers this one
					}
				}
			case _, ok := <-w.Errors: // an overflow: the reader looks again at the next change
				if !ok {
					return
				}
			}
		}
	}()
	return c, func() { _ = w.Close(); <-ended }, nil
}
