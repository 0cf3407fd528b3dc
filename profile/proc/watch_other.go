//go:build !linux

package proc

import (
	"context"
	"errors"
)

// watcher is only had on Linux.
type watcher struct{}

func watch(int) (watcher, error) { return watcher{}, errors.ErrUnsupported }

func (watcher) wait(context.Context) error { return errors.ErrUnsupported }

func (watcher) close() {}
