//go:build !linux

package cli

import "os/exec"

// ownGroup does nothing here: the child gets the terminal's Ctrl-C as we do.
func ownGroup(*exec.Cmd) {}
