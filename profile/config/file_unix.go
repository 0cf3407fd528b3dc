//go:build unix

package config

import (
	"errors"
	"os"
	"syscall"
)

// keepModeAndOwner gives f the mode of the file it will replace, and its owner when that differs,
// so that an edit by root does not take a user's file away.
func keepModeAndOwner(f *os.File, old os.FileInfo) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	was, okWas := old.Sys().(*syscall.Stat_t)
	is, okIs := now.Sys().(*syscall.Stat_t)
	if okWas && okIs && (was.Uid != is.Uid || was.Gid != is.Gid) {
		if err := f.Chown(int(was.Uid), int(was.Gid)); err != nil {
			return err
		}
	}
	return f.Chmod(old.Mode().Perm())
}

// syncDir makes a rename in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
