package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
)

// bootID tells this boot of the host from every other one.
var bootID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown-boot"
	}
	return strings.TrimSpace(string(b))
})

// pidSpace is the namespace that this process's numbers count in, see
// pid_namespaces(7).
var pidSpace = sync.OnceValue(func() string {
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "" // a kernel without namespaces
	}
	return space
})

// hidden says whether the identity is of this boot and of another pid namespace.
func hidden(id Identity) bool {
	return id.Space != pidSpace() && id.Space != "" && strings.HasPrefix(id.Start, bootID()+":")
}

// Find returns the process with the number, or ErrGone when there is none or
// only its zombie. It reads /proc/<pid>/stat (proc(5)), whose start time is in
// ticks since boot and so does not move with the wall clock.
func Find(pid int) (Info, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(stat) == 0) {
		return Info{}, ErrGone
	}
	if err != nil {
		if errors.Is(err, syscall.ESRCH) { // it ended between open and read
			return Info{}, ErrGone
		}
		return Info{}, fmt.Errorf("process %d: %w", pid, err)
	}
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return Info{}, fmt.Errorf("process %d: odd /proc stat", pid)
	}
	fields := strings.Fields(string(stat[end+1:])) // fields[0] is field 3, the state
	const stateField, threadsField, startField = 0, 20 - 3, 22 - 3
	if len(fields) <= startField {
		return Info{}, fmt.Errorf("process %d: short /proc stat", pid)
	}
	state := fields[stateField]
	// A leader that has ended is a zombie while its other threads still hold
	// the process's files and ports.
	if state == "X" || state == "Z" && fields[threadsField] == "1" {
		return Info{}, ErrGone
	}
	return Info{
		Identity: Identity{PID: pid, Start: bootID() + ":" + fields[startField], Space: pidSpace()},
		Name:     string(stat[open+1 : end]),
		Stopped:  state == "T" || state == "t",
	}, nil
}
