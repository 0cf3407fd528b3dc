//go:build linux || darwin

package tab

import "golang.org/x/sys/unix"

// freeSpace is how many bytes a user may still write into the folder.
func freeSpace(dir string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	return fs.Bavail * uint64(fs.Bsize), nil
}
