package daemon

import (
	"errors"
	"fmt"
	"sync"
)

// errorList collects what the parts return: a run group keeps only the first.
type errorList struct {
	mu   sync.Mutex
	list []error
}

// add keeps the error of a part and returns it.
func (l *errorList) add(part string, err error) error {
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, fmt.Errorf("%s: %w", part, err))
	return err
}

func (l *errorList) join() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.list...)
}
