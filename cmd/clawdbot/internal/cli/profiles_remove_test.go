package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clawdbot/profile"
)

// TestProfilesRemove forgets a profile and leaves its files.
func TestProfilesRemove(t *testing.T) {
	h := newHome(t)
	p, third := h.setup("main", h.base), h.setup("third", 0)
	context := filepath.Join(third.NATSDir(), "context", "clawdbot-third.json")
	key, err := p.Registry.PairSecret("main", "third")
	if err != nil {
		t.Fatal(err)
	}
	h.run("profiles", "remove", "thrid", "--yes").wants(1, "", "there is no profile thrid on this host; did you mean third?")
	h.run("profiles", "remove", "third").wants(2, "", "try: clawdbot profiles remove third --yes")
	stop := h.gateway(third, 0)
	h.run("profiles", "remove", "third", "--yes").wants(1, "", "try: clawdbot --profile third gateway stop")
	stop()
	r := h.run("profiles", "remove", "third", "--yes").
		wants(0, "Profile third is removed: registry entry, link keys, NATS context clawdbot-third.\n", "")
	if !strings.Contains(r.out, "To remove them: rm -rf ~/.clawdbot-third ~/clawd-third\n") {
		t.Error(r.out)
	}
	if _, err := os.Stat(context); err == nil {
		t.Error("the NATS context stays")
	}
	if now, err := p.Registry.PairSecret("main", "third"); err != nil || now == key {
		t.Errorf("the link key stays, %v", err)
	}
	if _, err := os.Stat(third.ConfigPath); err != nil {
		t.Error(err)
	}
	for _, dir := range []string{third.StateDir, third.Workspace} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	h.run("profiles", "remove", "third", "--yes", "--json").wants(1, "", "there is no profile third on this host")
	h.run("profiles", "audit").wants(0, "1 profile", "")
}

// TestRival keeps main whole on a host whose commands forget --profile.
func TestRival(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.setup("rescue", 0)
	here := "profile default is not set up; profiles here: main, rescue; give --profile\ntry: clawdbot profiles\n"
	h.run("bus", "req", "clawdbot.main.in.x").wants(3, "", here)
	h.run("health").wants(3, "", here)
	h.run("config", "set", "gateway.port", "19001").wants(78, "", here)
	h.run("logs").wants(78, "", here)
	h.run("status").wants(3, "", "the profile is not set up; profiles here: main, rescue; give --profile\ntry: clawdbot profiles\n")
	h.run("doctor", "--fix").wants(1, "the profile is not set up; profiles here: main, rescue;", "")
	refused := "profile default cannot be set up: its name on the bus would be main, which profile main has\ntry: clawdbot --profile main status\n"
	h.run("setup").wants(78, "", refused)
	h.run("gateway").wants(78, "", refused)
	h.run("onboard", "--non-interactive").wants(78, "", refused)
	if _, err := os.Stat(h.profile(profile.Default).StateDir); err == nil {
		t.Error("a refused profile has a state folder")
	}
	h.run("--profile", "mian", "config", "set", "gateway.port", "19001").
		wants(78, "", "profile mian is not set up; did you mean main?\ntry: clawdbot --profile mian setup\n")
	if _, err := os.Stat(h.profile("mian").StateDir); err == nil {
		t.Error("a slip in the name made a profile")
	}
	h.run("--profile", "main", "doctor").wants(1, "✓ nats", "")
	h.run("--profile", "rescue", "profiles", "audit").wants(0, "isolated", "")
	if c, err := natsContextOf(p); err != nil || c.wrong() != "" {
		t.Errorf("main's context: %s, %v", c.wrong(), err)
	}
}

// TestRemoveRival takes away a profile that has the bus name of another one, and
// gives that its context back.
func TestRemoveRival(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	if err := profile.WriteFile(h.profile(profile.Default).ConfigPath, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.NATSDir(), "context", "clawdbot-main.json")); err != nil {
		t.Fatal(err)
	}
	h.run("profiles", "remove", "default", "--yes").wants(0, "rm -rf ~/.clawdbot\n", "")
	if c, err := natsContextOf(p); err != nil || c.wrong() != "" {
		t.Errorf("main's context: %s, %v", c.wrong(), err)
	}
}

// TestDoctorGone takes a profile whose config was removed for a stale entry.
func TestDoctorGone(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	third := h.setup("third", 0)
	if err := os.Remove(third.ConfigPath); err != nil {
		t.Fatal(err)
	}
	if got := h.findings(1)["registry"]; len(got) != 1 || got[0].Try != "clawdbot profiles remove third" {
		t.Errorf("%+v", got)
	}
	if got := h.findings(1, "--fix")["registry"]; len(got) != 1 || got[0].Fixed != "forgotten" {
		t.Errorf("%+v", got)
	}
}
