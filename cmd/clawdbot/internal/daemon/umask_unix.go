//go:build unix

package daemon

import "syscall"

// keepPrivate makes every file that this process creates 0600 and every
// folder 0700, those of libraries included.
func keepPrivate() { syscall.Umask(0o077) }
