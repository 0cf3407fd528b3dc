package daemon

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"

	"clawdbot/profile"
)

const loopback = "127.0.0.1"

// listen binds every port before anything expensive starts, so that a taken
// one is told at once and by name.
func (d *daemon) listen(context.Context) error {
	now := d.settings()
	list := d.blueprints()
	slices.SortStableFunc(list, func(a, b blueprint) int { return cmp.Compare(last(b.name), last(a.name)) }) // the base port tells most
	for _, b := range list {
		if b.addr == nil || !b.on(now) {
			continue
		}
		at, err := b.addr(now)
		if err != nil {
			return err
		}
		door, err := openDoor(at)
		if err != nil {
			return d.taken(b.name, at.port, err)
		}
		d.doors[b.name] = door
		d.push(b.name+" listener", door.Close)
	}
	// The bus binds its own ports; they are tried here to name their holder.
	for _, l := range now.ports.Listeners() {
		if l.Component == "link" && d.linkAddr() == "" {
			continue
		}
		switch l.Component {
		case "bus", "link", "monitor", "websocket":
			ln, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(l.Port)))
			if err != nil {
				return d.taken(l.Component, l.Port, err)
			}
			if err := ln.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// taken explains a port that could not be bound: for good when another profile
// has it, for now when some other program does.
func (d *daemon) taken(component string, port int, cause error) error {
	info, err := d.Profile.ExplainPort(port)
	if err != nil {
		return notNow(fmt.Sprintf("clawdbot ports explain %d", port), "%s cannot listen on port %d: %w (%w)", component, port, cause, err)
	}
	if unheld := info.State == profile.PortFree || info.State == profile.PortReserved; unheld && !errors.Is(cause, syscall.EADDRINUSE) {
		return refuse("", "%s cannot listen on port %d: %w", component, port, cause)
	}
	if info.State == profile.PortFree || info.State == profile.PortReserved { // nobody listens, but it cannot be had
		return notNow(d.Profile.Command("gateway --port <base below 32768>"),
			"%s cannot listen on port %d: a connection of some program holds it and is closing; try again in a minute", component, port)
	}
	holder := "another process"
	if info.PID != 0 {
		holder = fmt.Sprintf("%s (pid %d)", info.Program, info.PID)
	}
	if other, ok := d.gatewayOf(info.PID); ok && other.Ports.Component(port) != "" {
		return refuse(d.anotherPort(), "%s cannot listen on port %d: it is the %s of profile %s, held by %s",
			component, port, other.Ports.Component(port), other.Profile, holder)
	}
	return notNow(fmt.Sprintf("clawdbot ports explain %d", port), "%s cannot listen on port %d: it is held by %s", component, port, holder)
}

// anotherPort is the command that moves the gateway to other ports.
func (d *daemon) anotherPort() string {
	if d.Port == 0 && d.Profile.Env().Get("CLAWDBOT_GATEWAY_PORT") != "" { // it wins over the config
		return "unset CLAWDBOT_GATEWAY_PORT"
	}
	return d.Profile.Command("gateway --port <another>")
}

// gatewayOf returns the profile whose running gateway has the pid.
func (d *daemon) gatewayOf(pid int) (profile.Instance, bool) {
	list, _ := d.Profile.Registry.List() // what cannot be read cannot be named
	for _, i := range list {
		if pid != 0 && i.Process.PID == pid && i.Alive() {
			return i, true
		}
	}
	return profile.Instance{}, false
}

// linkAddr is where peers link to, or "" when the link is off.
func (d *daemon) linkAddr() string {
	if !d.config().Bus.Link.Enabled {
		return ""
	}
	return net.JoinHostPort(loopback, strconv.Itoa(d.settings().ports.Link))
}

func (d *daemon) skipCanvas() bool { return d.Profile.Env().Get("CLAWDBOT_SKIP_CANVAS_HOST") == "1" }

// address is where a component listens, by its bind mode of the config.
func (d *daemon) address(component, bind string, port int) (place, error) {
	hosts, err := bindHosts(bind)
	if err != nil {
		return place{}, refuse(d.Profile.Command("config set "+component+".bind loopback"), "%s: %w", component, err)
	}
	return place{hosts, port}, nil
}

// bindHosts are the addresses to listen on for a bind mode of the config.
// Loopback is always one: peers and commands of this host come that way. Auto is
// loopback, as in the original where that can be had.
func bindHosts(mode string) ([]string, error) {
	switch mode {
	case "lan":
		return []string{"0.0.0.0"}, nil
	case "tailnet":
		addr, err := tailnetAddr()
		return []string{addr, loopback}, err
	}
	return []string{loopback}, nil
}

// tailnet is the range that Tailscale gives addresses from (RFC 6598).
var tailnet = net.IPNet{IP: net.IPv4(100, 64, 0, 0), Mask: net.CIDRMask(10, 32)}

func tailnetAddr() (string, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && tailnet.Contains(ip.IP) {
			return ip.IP.String(), nil
		}
	}
	return "", errors.New("bind is tailnet, but this host has no tailnet address")
}

// isReadOnly says that a path cannot be written, and will not be.
func isReadOnly(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
