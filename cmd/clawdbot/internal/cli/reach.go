package cli

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"clawdbot/gateway/client"
	"clawdbot/profile"
	"clawdbot/profile/cert"
	"clawdbot/profile/config"
)

// reach is which gateway the flags of a command choose. Its zero value is the
// one that the profile's config says: its own, or a remote one.
type reach struct {
	url         string
	token       string
	password    string
	fingerprint string
	insecure    bool
	timeout     time.Duration // 0 means the command's own
}

// register adds the flags. Secrets are better kept in the environment or the
// config: other users of the host see a command line.
func (r *reach) register(flags *pflag.FlagSet) {
	flags.StringVar(&r.url, "url", "", "`ADDRESS` of another gateway, as in wss://host:18789")
	flags.StringVar(&r.token, "token", "", "its token; safer: CLAWDBOT_GATEWAY_TOKEN")
	flags.StringVar(&r.password, "password", "", "its password; safer: CLAWDBOT_GATEWAY_PASSWORD")
	flags.StringVar(&r.fingerprint, "tls-fingerprint", "", "the `SHA256` of its certificate, to trust that one")
	flags.BoolVar(&r.insecure, "insecure", false, "send the credential even where others can read it")
}

// registerTimed adds the flags and --timeout, for a command without lookOptions.
func (r *reach) registerTimed(flags *pflag.FlagSet) {
	r.register(flags)
	addTimeout(flags, &r.timeout, "how long to wait for the gateway")
}

// target is a gateway to talk to.
type target struct {
	client.Config
	profile profile.Profile // that the command speaks of; whose gateway it is only when own
	own     bool            // it is the profile's own, on this host
	remote  bool            // the profile's config says where it is
	flagged bool            // the command line has its credential
}

// String names the gateway in sentences.
func (t target) String() string {
	if t.own {
		return "the gateway of profile " + t.profile.Name
	}
	return "the gateway at " + t.URL
}

// elsewhere says whether the gateway is another one than the profile's own.
func (t target) elsewhere() bool { return !t.own && t.URL != "" }

// command is a command line that talks to the same gateway, for hints.
func (t target) command(args string) string {
	if t.elsewhere() && !t.remote {
		args += " --url " + t.URL
	}
	return t.profile.Command(args)
}

// target is the gateway that the flags choose, else the config.
func (a *app) target(p profile.Profile) (target, error) {
	cfg, err := clientConfig(p)
	switch {
	case a.reach.url != "":
		return a.given(p, cfg)
	case err != nil:
		return target{}, err
	case cfg.Mode == "remote":
		return a.remote(p, cfg)
	}
	return a.own(p)
}

// clientConfig is the gateway section of the profile's config. One that cannot
// be used is no obstacle, unless it says that the gateway is somewhere else.
func clientConfig(p profile.Profile) (config.Gateway, error) {
	loaded, err := p.Load()
	if err == nil {
		return loaded.Config.Gateway, nil
	}
	if loaded != nil {
		if mode, _, _ := loaded.Lookup("gateway.mode"); mode == "remote" {
			return config.Gateway{}, err
		}
	}
	return config.Default().Gateway, nil
}

// given is the gateway of --url. Any profile may answer there, unless --profile
// was given as well.
func (a *app) given(p profile.Profile, cfg config.Gateway) (target, error) {
	r := a.reach
	t := target{profile: p, Config: client.Config{
		URL: r.url, Token: r.token, Password: r.password, TLSFingerprint: r.fingerprint, Version: a.version,
	}}
	if byFlag(p) {
		t.Profile = p.Name
	}
	if err := checkAddress(r.url); err != nil {
		t.URL = bare(r.url)
		return t, &exitError{exitUsage, fmt.Errorf("--url: %w", err), ""}
	}
	if _, err := cert.ParseFingerprint(r.fingerprint); r.fingerprint != "" && err != nil {
		return t, &exitError{exitUsage, fmt.Errorf("--tls-fingerprint: %w", err), ""}
	}
	if t.URL == cfg.Remote.URL { // the config knows it
		t.fill(cfg.Remote.Token, cfg.Remote.Password)
		t.pin(cfg.Remote.TLSFingerprint)
	}
	t.fillFromEnvironment(p)
	if mine, err := a.own(p); err == nil && sameHost(mine.URL, t.URL) {
		t.fill(mine.Token, mine.Password)
		t.pin(mine.TLSFingerprint)
	}
	return t, a.guard(t, exitUsage)
}

// remote is the gateway that the config names, whatever its profile is called.
func (a *app) remote(p profile.Profile, cfg config.Gateway) (target, error) {
	t := target{profile: p, remote: true, Config: client.Config{
		URL: cfg.Remote.URL, Token: a.reach.token, Password: a.reach.password, TLSFingerprint: a.reach.fingerprint, Version: a.version,
	}}
	t.fill(cfg.Remote.Token, cfg.Remote.Password)
	t.pin(cfg.Remote.TLSFingerprint)
	t.fillFromEnvironment(p)
	if err := checkAddress(t.URL); err != nil {
		t.URL = bare(t.URL)
		return t, &exitError{exitConfig, fmt.Errorf("gateway.remote.url: %w", err), p.Command("config set gateway.remote.url wss://host:18789")}
	}
	if _, err := cert.ParseFingerprint(t.TLSFingerprint); t.TLSFingerprint != "" && err != nil {
		return t, &exitError{exitConfig, fmt.Errorf("gateway.remote.tlsFingerprint: %w", err), p.Command("config unset gateway.remote.tlsFingerprint")}
	}
	return t, a.guard(t, exitConfig)
}

// own is the profile's gateway on this host, on the port that it registered.
func (a *app) own(p profile.Profile) (target, error) {
	t := target{profile: p, own: true, flagged: a.reach.token != "" || a.reach.password != "", Config: client.Config{
		Token: a.reach.token, Password: a.reach.password, TLSFingerprint: a.reach.fingerprint, Profile: p.Name, Version: a.version,
	}}
	i, err := awake(p)
	if err != nil {
		return t, err
	}
	token, err := p.ClientToken()
	if err != nil {
		return t, err
	}
	t.fill(token, "")
	t.URL = instanceURL(i)
	t.pin(i.TLS)
	return t, nil
}

// fill sets the credential unless there is one.
func (t *target) fill(token, password string) {
	if t.Token == "" && t.Password == "" {
		t.Token, t.Password = token, password
	}
}

func (t *target) pin(fingerprint string) {
	if t.TLSFingerprint == "" {
		t.TLSFingerprint = fingerprint
	}
}

// fillFromEnvironment takes the credential of the environment, which with
// --profile speaks of another gateway.
func (t *target) fillFromEnvironment(p profile.Profile) {
	if env := p.Env(); !byFlag(p) {
		t.fill(env.Get("CLAWDBOT_GATEWAY_TOKEN"), env.Get("CLAWDBOT_GATEWAY_PASSWORD"))
	}
}

// byFlag says whether the command line names the profile.
func byFlag(p profile.Profile) bool { return p.Settings[0].From == "flag" }
