//go:build !linux

package proc

import (
	"errors"
	"time"
)

// Waited is not told by this system.
func Waited(int) (time.Duration, error) { return 0, errors.ErrUnsupported }
