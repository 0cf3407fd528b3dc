package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Waited is how long the threads of a process have together been ready to run
// and not been let, since they began: see sched-stats in the kernel's
// documentation. It returns ErrGone when there is no such process, and
// errors.ErrUnsupported where the system does not tell.
func Waited(pid int) (total time.Duration, err error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		if _, err := Find(pid); err != nil {
			return 0, err
		}
		return 0, fmt.Errorf("process %d: time on the run queue: %w", pid, errors.ErrUnsupported)
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil { // it ended meanwhile
			continue
		}
		fields := strings.Fields(string(text))
		if len(fields) < 2 {
			return 0, fmt.Errorf("process %d: odd schedstat: %w", pid, errors.ErrUnsupported)
		}
		ns, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("process %d: schedstat: %w", pid, err)
		}
		total += time.Duration(ns)
	}
	return total, nil
}
