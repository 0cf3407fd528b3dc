//go:build !linux

package proc

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/shirou/gopsutil/v4/process"
)

// hidden is never the case: these systems have no pid namespaces.
func hidden(Identity) bool { return false }

// Find returns the process with the number, or ErrGone when there is none or
// only its zombie.
func Find(pid int) (Info, error) {
	p, err := process.NewProcess(int32(pid))
	if errors.Is(err, process.ErrorProcessNotRunning) {
		return Info{}, ErrGone
	}
	if err != nil {
		return Info{}, fmt.Errorf("process %d: %w", pid, err)
	}
	started, err := p.CreateTime()
	if err != nil {
		return Info{}, fmt.Errorf("process %d: %w", pid, err)
	}
	info := Info{Identity: Identity{PID: pid, Start: strconv.FormatInt(started, 10)}}
	info.Name, _ = p.Name()   // a name that the system keeps to itself stays empty
	status, err := p.Status() // not told on Windows
	if err == nil {
		if slices.Contains(status, process.Zombie) {
			return Info{}, ErrGone
		}
		info.Stopped = slices.Contains(status, process.Stop)
	}
	return info, nil
}
