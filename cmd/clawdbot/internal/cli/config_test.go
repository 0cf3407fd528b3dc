package cli

import "testing"

func TestConfigCommands(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "config"}, args...)...)
	}
	secret := "gateway.auth.token is a secret\ntry: clawdbot --profile main config get gateway.auth.token --show-secrets\n"
	on("get", "gateway.auth.token").wants(1, "", secret)
	on("get", "gateway.auth.token", "--json").wants(1, "", secret)
	on("get", "gateway.auth").wants(0, `"token": "__REDACTED__"`, "")
	on("set", "gateway.auth.token", "__REDACTED__").wants(78, "", "gateway.auth.token: __REDACTED__ is what a hidden secret is shown as")
	on("set", "gateway.auth.token", "ab").wants(0, "", "a token of 2 characters can be guessed; use 16 or more")
	on("get", "gateway.prot").wants(1, "", "gateway.prot is no known key; did you mean gateway.port?\ntry: clawdbot --profile main config get gateway.port\n")
	on("get", "gateway.nothing").wants(1, "", "gateway.nothing is not set, and has no default")
	for _, verb := range [][]string{{"get", "nope..x"}, {"set", "nope..x", "1"}, {"unset", "nope..x"}} {
		on(verb...).wants(2, "", "a key is missing")
	}
	on("set", `browser.profiles["my-name"].color`, "#00AA00").wants(0, "is #00AA00", "") // as in the help
	on("set", "bridge.enabled", "false").wants(0, "bridge.enabled is false", "")
	on("unset", "bridge.enabled").wants(0, "bridge.enabled is unset; the default holds: true", "")
	on("set", "bridge.enabled", "false").wants(0, "", "")
	on("unset", "bridge").wants(0, "bridge is unset; the defaults hold", "")
	on("unset", "browser.profiles").wants(0, "browser.profiles is not set any more", "")
}

// TestHints name the profile that the command line chose.
func TestHints(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	h.run("--profile", "main", "logs", "--level", "bad").wants(2, "", "try: clawdbot --profile main logs --help\n")
	h.run("logs", "--level", "bad").wants(2, "", "try: clawdbot logs --help\n")
	h.run("--profile", "", "status").wants(2, "", "--profile: the name is empty")
	h.run("--profile", "nope", "logs").wants(78, "", "profile nope is not set up")
	h.gateway(h.profile("main"), 0)()
	h.run("--profile", "main", "state", "get", "x").wants(1, "", "try: clawdbot --profile main state ls\n")
}
