// Package proc tells one process from another that got its number later, and
// finds who listens on a port.
package proc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"
)

// ErrGone says that no such process runs any more.
var ErrGone = errors.New("proc: process is gone")

// ErrHidden says that the process, if it runs, cannot be seen from here.
var ErrHidden = errors.New("proc: process is in another container")

// Identity names one process for good: a pid together with when it started,
// in a form that only compares equal on the same boot of the same host.
type Identity struct {
	PID   int    `json:"pid"`
	Start string `json:"start"`
	Space string `json:"space,omitempty"` // where the pid counts; "" is everywhere
}

// Info is what is known of a running process.
type Info struct {
	Identity
	Name    string // program name
	Stopped bool   // by SIGSTOP, SIGTSTP or a debugger
}

// Same returns the process of the identity, or ErrGone when it has ended, also
// when its number belongs to another process or to a zombie. It returns
// ErrHidden when only another container can tell.
func Same(id Identity) (Info, error) {
	if id.PID <= 0 {
		return Info{}, ErrGone
	}
	if hidden(id) {
		return Info{}, ErrHidden
	}
	info, err := Find(id.PID)
	if err != nil {
		return Info{}, err
	}
	if info.Start != id.Start {
		return Info{}, ErrGone
	}
	return info, nil
}

// Exe returns the path of the process's program file, as it was when the process
// started: another file may be there by now.
func Exe(pid int) (string, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return "", fmt.Errorf("process %d: %w", pid, err)
	}
	exe, err := p.Exe()
	if err != nil {
		return "", fmt.Errorf("process %d: %w", pid, err)
	}
	return strings.TrimSuffix(exe, " (deleted)"), nil // which Linux says of a file that was replaced, see proc(5)
}

// Args returns the process's command line, its program first.
func Args(pid int) ([]string, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	args, err := p.CmdlineSlice()
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	return args, nil
}

// Holder is a process that listens on a port. PID is 0 when the system does
// not tell, as for another user's process.
type Holder struct {
	PID     int
	Name    string
	Address string
}

// Listener returns who listens on the TCP port, and false when nobody does.
func Listener(port int) (Holder, bool, error) {
	conns, err := net.Connections("tcp")
	if err != nil {
		return Holder{}, false, fmt.Errorf("list listeners: %w", err)
	}
	i := slices.IndexFunc(conns, func(c net.ConnectionStat) bool {
		return c.Status == "LISTEN" && c.Laddr.Port == uint32(port)
	})
	if i < 0 {
		return Holder{}, false, nil
	}
	h := Holder{PID: int(conns[i].Pid), Address: conns[i].Laddr.IP}
	if info, err := Find(h.PID); err == nil {
		h.Name = info.Name
	}
	return h, true, nil
}
