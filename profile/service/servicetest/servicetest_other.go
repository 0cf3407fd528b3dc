//go:build !linux

package servicetest

import "testing"

// UserManager skips the test: systemd is Linux only.
func UserManager(t testing.TB) *Env {
	t.Skip("systemd runs on Linux only")
	return nil
}
