//go:build unix

package profile

import (
	"io/fs"
	"os"
	"syscall"
)

// owned says whether the file is this user's.
func owned(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// private says whether the folder is this user's alone.
func private(info fs.FileInfo) bool { return owned(info) && info.Mode().Perm() == 0o700 }
