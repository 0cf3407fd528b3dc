package setup

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"

	"clawdbot/profile/config"
	"clawdbot/profile/config/json5"
)

// writeConfig makes the config of a new profile with the base port. In one that
// is there it sets what the options ask for and nothing else.
func (r *run) writeConfig(base int) error {
	if !r.loaded.Exists {
		return r.newConfig(base)
	}
	for _, set := range []struct{ key, now, want string }{
		{"gateway.port", portText(r.loaded.Config.Gateway.Port), portText(r.opts.Port)},
		{"gateway.bind", quoted(r.loaded.Config.Gateway.Bind), quoted(r.opts.Bind)},
		{"agents.defaults.workspace", quoted(r.workspace()), quoted(r.opts.Workspace)},
	} {
		if set.want == "" || set.want == set.now {
			continue
		}
		loaded, err := config.Set(r.ConfigOptions(), "", set.key, set.want)
		if err != nil {
			return err
		}
		r.loaded = loaded
		r.result.Changed = append(r.result.Changed, set.key)
	}
	return nil
}

// whoConnects says what a value of gateway.bind means. It names the value, so
// that it stays true when the value is changed.
func whoConnects(bind string) string {
	switch bind {
	case "lan":
		return "lan: the local network can connect"
	case "tailnet":
		return "tailnet: this host's tailnet can connect"
	case "auto":
		return "auto: the gateway chooses who can connect"
	}
	return "loopback: only programs of this host can connect"
}

func portText(port int) string {
	if port == 0 {
		return ""
	}
	return strconv.Itoa(port)
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return json5.Quote(s)
}

func (r *run) newConfig(base int) error {
	token := make([]byte, 32)
	if _, err := rand.Read(token); err != nil {
		return err
	}
	bind, workspace := r.opts.Bind, r.opts.Workspace
	if bind == "" {
		bind = config.Default().Gateway.Bind
	}
	if workspace == "" {
		workspace = r.Workspace
	}
	text := fmt.Sprintf(`// Config of the clawdbot profile %s. It is JSON5: comments and trailing commas are welcome.
// Every key and what it does: clawdbot config schema
{
  gateway: {
    mode: "local", // a gateway runs on this host
    port: %d, // the base; bridge, browser, canvas, bus and link have the next ones
    bind: %s, // %s
    auth: {
      mode: "token",
      token: "%s", // every client presents it: keep it to yourself
    },
  },
  agents: {
    defaults: {
      workspace: %s, // the agents' files
    },
  },
}
`, r.Name, base, json5.Quote(bind), whoConnects(bind), hex.EncodeToString(token), json5.Quote(workspace))
	loaded, err := config.Edit(r.ConfigOptions(), r.loaded.Hash, func([]byte) ([]byte, error) { return []byte(text), nil })
	if err != nil {
		return err
	}
	r.loaded = loaded
	r.created(r.ConfigPath)
	return nil
}
