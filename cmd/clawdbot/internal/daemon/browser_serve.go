package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"

	"clawdbot/browser"
	"clawdbot/browser/relay"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

// BrowserOptions say how browser control is served without a gateway.
type BrowserOptions struct {
	Profile profile.Profile
	Bind    string   // loopback, lan, tailnet, auto or an address of the host
	Port    int      // 0 means the profile's; the relay and the debugging ports follow from it
	Token   string   // "" means the one of the environment or the config, on loopback also the gateway's
	Hosts   []string // names that clients may reach it by, beside the host's own
	Version string
	Log     *slog.Logger
	Ready   func(url string) // told once, when calls are answered
}

// ServeBrowser serves browser control and the extension relay until ctx ends.
// The profile's store is the guard that its gateway does not run: the two would
// drive the same browsers. What keeps it from starting is a *StartError.
func ServeBrowser(ctx context.Context, o BrowserOptions) error {
	loaded, err := o.Profile.Load()
	if err != nil {
		return err
	}
	cfg := loaded.Config
	set, err := o.ports(cfg)
	if err != nil {
		return err
	}
	hosts, err := o.hosts()
	if err != nil {
		return err
	}
	token, err := o.token(cfg, hosts)
	if err != nil {
		return err
	}
	db, _, err := store.Recover(ctx, store.Config{Dir: o.Profile.StoreDir(), Checkpoints: o.Profile.CheckpointDir(), Log: o.Log})
	if errors.Is(err, store.ErrLocked) {
		return notNow(o.Profile.Command("browser status"), "the gateway of profile %s runs, or `browser serve` does: its browser control is served already", o.Profile.Name)
	}
	if err != nil {
		return err
	}
	err = o.serve(ctx, cfg, served{set, hosts, token, db})
	return errors.Join(err, db.Close())
}

// served is what browser control is served on.
type served struct {
	ports ports.Ports
	hosts []string
	token string
	db    *store.Store
}

func (o BrowserOptions) serve(ctx context.Context, cfg config.Config, on served) error {
	control, err := openDoor(place{on.hosts, on.ports.Browser})
	if err != nil {
		return notNow(o.Profile.Command("browser serve --port <another>"), "browser control: %w", err)
	}
	extensions, err := openDoor(place{[]string{loopback}, on.ports.Relay})
	if err != nil {
		return errors.Join(notNow(o.Profile.Command("browser serve --port <another>"), "extension relay: %w", err), control.Close())
	}
	err = o.run(ctx, cfg, on, []*door{control, extensions})
	return errors.Join(err, control.Close(), extensions.Close())
}

// run runs browser control and the relay behind their doors.
func (o BrowserOptions) run(ctx context.Context, cfg config.Config, on served, doors []*door) error {
	names := o.Hosts
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	g, err := gate.New(gate.Config{Token: on.token, Hosts: names, Log: o.Log})
	if err != nil {
		return err
	}
	at := browserConfig(o.Profile, cfg, on.ports, o.Log)
	at.Listener, at.Version, at.Gate, at.Store, at.Relay = doors[0].cut(), o.Version, g, on.db, relayURL(on.ports, on.token)
	at.ControlURL = "http://" + net.JoinHostPort(on.hosts[0], strconv.Itoa(on.ports.Browser))
	control, err := browser.New(at)
	if err != nil {
		return err
	}
	extensions := relayConfig(o.Profile, cfg, o.Log)
	extensions.Listener, extensions.Version, extensions.Token = doors[1].cut(), o.Version, on.token
	lent, err := relay.New(extensions)
	if err != nil {
		ended, end := context.WithCancel(ctx)
		end()
		return errors.Join(err, control.Run(ended))
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	ended := make([]error, 2)
	var both sync.WaitGroup
	for i, c := range []Component{control, lent} {
		both.Go(func() {
			ended[i] = c.Run(ctx)
			end()
		})
	}
	o.Ready(at.ControlURL)
	both.Wait()
	return errors.Join(ended...)
}

func (o BrowserOptions) ports(cfg config.Config) (ports.Ports, error) {
	set, _, err := o.Profile.PlanPorts(cfg, 0)
	if err != nil || o.Port == 0 {
		return set, err
	}
	set.Browser, set.Relay, set.CDP = o.Port, o.Port+1, ports.CDPRange(o.Port)
	if o.Port < 1 || set.CDP.To > 65535 {
		return set, fmt.Errorf("%w: --port %d: it must be from 1 to %d, as the debugging ports follow it", profile.ErrPort, o.Port, 65535-set.CDP.To+o.Port)
	}
	return set, nil
}

func (o BrowserOptions) hosts() ([]string, error) {
	if ip := net.ParseIP(o.Bind); ip != nil {
		return []string{ip.String()}, nil
	}
	switch o.Bind {
	case "loopback", "lan", "tailnet", "auto":
		hosts, err := bindHosts(o.Bind)
		if err != nil {
			return nil, refuse("", "browser control: %w", err)
		}
		return hosts, nil
	}
	return nil, refuse("", "--bind %q must be loopback, lan, tailnet, auto or an address of this host", o.Bind)
}

// minControlToken is how short a token may be on a network, where it is all that
// keeps strangers out.
const minControlToken = 16

func (o BrowserOptions) token(cfg config.Config, hosts []string) (string, error) {
	token := cmp.Or(o.Token, controlToken(o.Profile, cfg))
	if net.ParseIP(hosts[0]).IsLoopback() {
		if token != "" {
			return token, nil
		}
		credential, err := o.Profile.Credential(cfg)
		return credential.Token, err
	}
	if len(token) < minControlToken {
		return "", refuse(o.Profile.Command("config set browser.controlToken <a long one>"),
			"--bind %s opens a port to the network, which needs a token of its own, %d characters or more: --token, CLAWDBOT_BROWSER_CONTROL_TOKEN or browser.controlToken",
			o.Bind, minControlToken)
	}
	return token, nil
}
