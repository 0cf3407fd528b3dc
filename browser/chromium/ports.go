package chromium

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"strconv"

	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
)

// errPortTaken says that someone else took the port before Chromium.
var errPortTaken = errors.New("the port was taken by another program meanwhile: try again")

// FreePort returns a port for a browser profile to keep.
func (l *Launcher) FreePort() (int, error) {
	for port := range l.freePorts() {
		return port, nil
	}
	return 0, l.noPort()
}

// freePorts are the ports of the range that are free now and nobody else's.
func (l *Launcher) freePorts() iter.Seq[int] {
	var others []ports.Ports
	if l.cfg.Others != nil {
		others = l.cfg.Others()
	}
	var reserved []int
	if l.cfg.Reserved != nil {
		reserved = l.cfg.Reserved()
	}
	return func(yield func(int) bool) {
		for port := l.cfg.Ports.From; port <= l.cfg.Ports.To; port++ {
			owned := slices.ContainsFunc(others, func(o ports.Ports) bool { return o.Component(port) != "" })
			if !owned && !slices.Contains(reserved, port) && isFree(port) && !yield(port) {
				return
			}
		}
	}
}

func (l *Launcher) noPort() error {
	return fmt.Errorf("no CDP port from %d to %d is free and nobody else's", l.cfg.Ports.From, l.cfg.Ports.To)
}

// hold gives the port to one Chromium, and false when another one has it.
func (l *Launcher) hold(port int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[port] {
		return false
	}
	l.held[port] = true
	return true
}

func (l *Launcher) release(port int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, port)
}

func checkPort(port int) error {
	if isFree(port) {
		return nil
	}
	return fmt.Errorf("CDP port %d is taken by %s: end it or change cdpPort", port, listener(port))
}

// loopback is the address of a debugging port.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func isFree(port int) bool {
	probe, err := net.Listen("tcp", loopback(port))
	return err == nil && probe.Close() == nil
}

// listener names the program that listens on the port, as far as the system
// tells.
func listener(port int) string {
	h, found, err := proc.Listener(port)
	switch {
	case err != nil || !found || h.PID == 0:
		return "another program"
	case h.Name == "":
		return fmt.Sprintf("process %d", h.PID)
	}
	return fmt.Sprintf("process %d (%s)", h.PID, h.Name)
}
