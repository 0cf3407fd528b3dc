package proc

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Reap takes note of the end of every child of this process that is not among
// its own: what it inherits as the first process of a container, see
// pid_namespaces(7), stays a zombie otherwise.
func Reap(own map[int]bool) error {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("reap: %w", err)
	}
	for _, e := range all {
		pid, notOne := strconv.Atoi(e.Name())
		if notOne != nil || own[pid] || pid == os.Getpid() {
			continue
		}
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // one that runs stays, and so does one that is nobody's of ours
	}
	return nil
}
