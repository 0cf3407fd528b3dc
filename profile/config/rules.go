package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"clawdbot/profile/config/json5"
)

// portSpan is the highest offset that a port is derived with: the last CDP port.
const portSpan = 110

// rules checks what concerns several keys at once.
type rules struct {
	*report
	cfg  *Config
	root *json5.Node
}

func checkRules(cfg *Config, root *json5.Node, hasCredential bool, to *report) {
	r := rules{to, cfg, root}
	r.ports()
	r.credentials(hasCredential)
	r.tls(cfg.Gateway.TLS, "gateway.tls")
	r.tls(cfg.Bridge.TLS, "bridge.tls")
	if cfg.Gateway.Mode == "remote" && cfg.Gateway.Remote.URL == "" {
		r.at("gateway.mode", "missing", "remote needs gateway.remote.url")
	}
	r.remotes()
	r.agents()
	r.notify()
	r.hooks()
	r.placeholders(root, nil, false)
	for _, path := range []string{"gateway.auth.token", "gateway.remote.token", "browser.controlToken"} {
		r.shortToken(path)
	}
}

// placeholders refuses what stands in place of a secret where one is shown: a
// script that writes back what it read would make a password of it that all know.
func (r *rules) placeholders(n *json5.Node, path json5.Path, secret bool) {
	if n.Kind == json5.String && strings.Contains(n.Text, Redacted) && (secret || strings.Contains(n.Text, "://")) {
		r.fail(n, path, "secret", "%s is what a hidden secret is shown as, not the secret", Redacted).Hint =
			"write the secret itself; --show-secrets shows it"
	}
	for i, e := range n.Entries {
		r.placeholders(e.Value, path.With(stepTo(n, e, i)), secret || isSecret(e.Key))
	}
}

// minToken is how short a token may be without a warning. Setup's have 64.
const minToken = 16

// shortToken warns of a token that can be guessed.
func (r *rules) shortToken(path string) {
	steps, _ := json5.ParsePath(path) // a path of this file
	if n := r.root.Find(steps); n != nil && n.Text != "" && len(n.Text) < minToken {
		add(&r.warnings, n.Doc, n.Start, steps, "security", fmt.Sprintf("a token of %d characters can be guessed", utf8.RuneCountInString(n.Text))).Hint =
			fmt.Sprintf("use %d or more", minToken)
	}
}

// at reports an error at a path, or at the nearest parent that is in the file.
func (r *rules) at(path, rule, format string, args ...any) {
	steps, err := json5.ParsePath(path)
	if err != nil {
		panic(err) // a path of this file
	}
	n := r.root
	for i := range steps {
		next := r.root.Find(steps[:i+1])
		if next == nil {
			break
		}
		n = next
	}
	r.fail(n, steps, rule, format, args...)
}

func (r *rules) ports() {
	if base := r.cfg.Gateway.Port; base > 65535-portSpan {
		r.at("gateway.port", "range", "must be at most %d: the browser's ports reach up to gateway.port + %d = %d, past 65535",
			65535-portSpan, portSpan, base+portSpan)
	}
}

func (r *rules) credentials(outside bool) {
	auth := r.cfg.Gateway.Auth
	credential, key := auth.Token, "gateway.auth.token"
	if auth.Mode == "password" {
		credential, key = auth.Password, "gateway.auth.password"
	}
	if credential != "" || outside {
		return
	}
	if auth.Mode == "password" {
		r.at("gateway.auth.mode", "missing", "password needs gateway.auth.password")
	}
	for _, listener := range []struct{ path, bind string }{
		{"gateway.bind", r.cfg.Gateway.Bind}, {"bridge.bind", r.cfg.Bridge.Bind},
	} {
		if listener.bind != "loopback" {
			r.at(listener.path, "security", "%s opens a port to the network, which needs %s", listener.bind, key)
		}
	}
}

func (r *rules) tls(tls TLS, path string) {
	if !tls.Enabled {
		return
	}
	switch {
	case tls.CAPath != "" && path == "gateway.tls": // a promise that would not be kept
		r.at(path+".caPath", "unsupported", "client certificates are not asked for on the base port: remove it")
	case tls.CertPath == "" && tls.KeyPath != "":
		r.at(path+".keyPath", "missing", "needs %s.certPath beside it", path)
	case tls.CertPath != "" && tls.KeyPath == "":
		r.at(path+".certPath", "missing", "needs %s.keyPath beside it", path)
	case tls.CertPath == "" && !tls.AutoGenerate:
		r.at(path+".enabled", "missing", "needs %s.certPath and %s.keyPath, or %s.autoGenerate", path, path, path)
	}
}

func (r *rules) remotes() {
	names := map[string]bool{}
	for i, remote := range r.cfg.Bus.Remotes {
		path := fmt.Sprintf("bus.remotes[%d]", i)
		switch {
		case remote.Name == "":
			r.at(path, "missing", "needs a name")
		case names[remote.Name]:
			r.at(path+".name", "duplicate", "%s is the name of another remote", json5.Quote(remote.Name))
		}
		names[remote.Name] = true
		if len(remote.URLs) == 0 {
			r.at(path, "missing", "needs urls, the addresses of the cluster")
		}
		if (remote.TLS.CertPath == "") != (remote.TLS.KeyPath == "") {
			r.at(path+".tls", "missing", "needs both certPath and keyPath, or neither")
		}
	}
}

func (r *rules) agents() {
	ids, defaults := map[string]bool{}, 0
	for i, agent := range r.cfg.Agents.List {
		path := fmt.Sprintf("agents.list[%d]", i)
		switch {
		case agent.ID == "":
			r.at(path, "missing", "needs an id")
		case ids[agent.ID]:
			r.at(path+".id", "duplicate", "%s is the id of another agent", json5.Quote(agent.ID))
		}
		ids[agent.ID] = true
		if agent.Default {
			if defaults++; defaults > 1 {
				r.at(path+".default", "duplicate", "another agent is the default already")
			}
		}
	}
}

func (r *rules) notify() {
	notify := r.cfg.Rescue.Notify
	if len(notify.Command) > 0 && notify.Command[0] == "" {
		r.at("rescue.notify.command[0]", "missing", "needs the program to run")
	}
	for i, target := range notify.Channels {
		if target.Channel == "" || target.To == "" {
			r.at(fmt.Sprintf("rescue.notify.channels[%d]", i), "missing", "needs channel and to")
		}
	}
}
