package daemon

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/cert"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
	"clawdbot/profile/ports"
)

// settings is what a gateway runs on at one moment. It is replaced as a whole,
// never changed.
type settings struct {
	choice     config.Choice
	generation config.Generation
	issues     []string // of the file, when it was refused
	refused    string   // why a file that changed since is not what runs; "" when it is
	tightened  []string // what the fallback was not allowed to weaken
	ports      ports.Ports
	token      string
	front      *gate.Gate  // before the gateway and the canvas
	tls        *tls.Config // of the base port; nil when it speaks plain
	pin        string      // fingerprint of its certificate
}

func (s *settings) config() config.Config { return s.choice.Loaded.Config }

// safe says whether only bus, health and repair run.
func (s *settings) safe() bool { return s.choice.Source == config.FromSafeMode }

// with returns the settings with some of them changed.
func (s *settings) with(change func(*settings)) *settings {
	next := *s
	change(&next)
	return &next
}

// settings are those that hold now.
func (d *daemon) settings() *settings { return d.now.Load() }

// set replaces the settings while the gateway starts.
func (d *daemon) set(change func(*settings)) { d.now.Store(d.settings().with(change)) }

func (d *daemon) config() config.Config { return d.settings().config() }

// admit prepares who is let in: the credential and the gate that asks for it.
func (d *daemon) admit(s *settings) error {
	credential, err := d.Profile.Credential(s.config())
	if errors.Is(err, profile.ErrNoPassword) {
		return refuse(d.Profile.Command("config set gateway.auth.mode token"), "%w", err)
	}
	if err != nil {
		return err
	}
	if err := d.certify(s); err != nil {
		return err
	}
	s.token = credential.Token
	s.front, err = gate.New(gate.Config{Token: credential.Token, Password: credential.Password, TrustedProxies: s.config().Gateway.TrustedProxies, Log: d.log.With("component", "gateway")})
	return err
}

// certify prepares TLS on the base port, where the config wants it.
func (d *daemon) certify(s *settings) (err error) {
	s.tls, s.pin = nil, ""
	t := s.config().Gateway.TLS
	if !t.Enabled {
		return nil
	}
	s.tls, s.pin, err = cert.Load(cert.Config{
		CertPath: d.Profile.ExpandHome(t.CertPath), KeyPath: d.Profile.ExpandHome(t.KeyPath),
		Dir: d.Profile.TLSDir(), Generate: t.AutoGenerate,
	})
	if err != nil {
		return refuse(d.Profile.Command("config get gateway.tls"), "gateway.tls: %w", err)
	}
	return nil
}

// reason is why what runs is not the file as it is; "" when it is.
func (s *settings) reason() string { return cmp.Or(s.refused, s.choice.Reason) }

// warnings is what else status tells of the config.
func (s *settings) warnings() []string {
	list := append([]string{}, s.tightened...)
	of := ""
	if s.choice.Source == config.FromFallback { // its lines are not those of the file as it is now
		of = fmt.Sprintf("generation %d: ", s.choice.Generation)
	}
	for _, w := range s.choice.Loaded.Warnings {
		list = append(list, of+w.String())
	}
	return list
}

// name is what runs, for people.
func (s *settings) name() string {
	if s.safe() {
		return "safe mode"
	}
	return s.generation.String()
}

// change is what the bus hears of the settings.
func (s *settings) change() msg.ConfigChange {
	return msg.ConfigChange{
		Generation: s.generation.N, Source: string(s.choice.Source), Verdict: string(s.generation.Verdict), Reason: s.generation.Reason,
	}
}

// watches says whether the config lets the profile be a peer.
func (s *settings) watches(name string) bool {
	allowed := s.config().Rescue.Peers
	return allowed == nil || slices.Contains(allowed, name)
}
