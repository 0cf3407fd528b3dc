package gateway

import (
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

// Config configures a gateway. Listener, Subjects, Dial, Gate, Store, Identity,
// Generation, Version and Log are required.
type Config struct {
	Listener net.Listener // closed by Run; when New fails it stays the caller's
	Pin      string       // fingerprint of the certificate that Listener presents, "" when it speaks plain
	Subjects subject.Space
	Dial     func() (*nats.Conn, error) // the connection is drained by Run
	Gate     *gate.Gate
	Store    *store.Store // of the devices and nodes that were let in
	Identity Identity
	Version  string
	Log      *slog.Logger

	Generation  func() msg.Generation   // what runs now; a message on config.> says that it changed
	Maintenance func() *msg.Maintenance // nil, and a nil answer, mean that none is announced

	NodeCommands  config.NodeCommands // what nodes may be asked to run beside their platform's own set
	Ports         ports.Ports
	CanvasHostURL string          // "" when there is no canvas host
	Secrets       func() []string // values that bus.tail must not show; nil means none
	HTTP          HTTP
	Limits        Limits
}

// Identity says whose gateway this is.
type Identity struct {
	Profile    string // as people name it
	ConfigPath string
	StateDir   string
}

// Limits bound a connection. A zero field means the default.
type Limits struct {
	TickInterval time.Duration // between tick events, and between pings; 0 means 30 s
	Handshake    time.Duration // from the challenge to hello-ok; 0 means 10 s
	MaxPayload   int           // bytes of one inbound message; 0 means 512 KiB
	MaxBuffered  int           // bytes waiting for a slow client; 0 means 1.5 MiB
	Rate         int           // requests a second that one connection may keep up; 0 means 20,000
}

func (l Limits) withDefaults() Limits {
	if l.TickInterval == 0 {
		l.TickInterval = 30 * time.Second
	}
	if l.Handshake == 0 {
		l.Handshake = 10 * time.Second
	}
	if l.MaxPayload == 0 {
		l.MaxPayload = 512 << 10
	}
	if l.MaxBuffered == 0 {
		l.MaxBuffered = 1536 << 10
	}
	if l.Rate == 0 {
		l.Rate = 20_000
	}
	return l
}

func (c Config) validate() error {
	for _, f := range []struct {
		name    string
		missing bool
	}{
		{"Listener", c.Listener == nil}, {"Subjects", c.Subjects == subject.Space{}}, {"Dial", c.Dial == nil},
		{"Gate", c.Gate == nil}, {"Store", c.Store == nil}, {"Identity.Profile", c.Identity.Profile == ""}, {"Generation", c.Generation == nil},
		{"Version", c.Version == ""}, {"Log", c.Log == nil},
	} {
		if f.missing {
			return fmt.Errorf("gateway: Config.%s is required", f.name)
		}
	}
	return nil
}
