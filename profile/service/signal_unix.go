//go:build unix

package service

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// SignalName is the signal as people write it, SIGKILL.
func SignalName(s syscall.Signal) string { return unix.SignalName(s) }
