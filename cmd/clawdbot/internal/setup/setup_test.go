package setup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
)

func resolve(t *testing.T, home, name string) profile.Profile {
	t.Helper()
	env := profile.Env{Home: home, Exe: "/opt/clawdbot", Lookup: func(string) (string, bool) { return "", false }}
	p, err := profile.Resolve(profile.Flags{Profile: name}, env)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run1(t *testing.T, p profile.Profile, o Options) Result {
	t.Helper()
	r, err := Run(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTogether sets many profiles up at once: each gets a block of its own.
func TestTogether(t *testing.T) {
	home := t.TempDir()
	var wg sync.WaitGroup
	for n := range 6 {
		p := resolve(t, home, fmt.Sprintf("p%d", n))
		wg.Go(func() {
			if _, err := Run(p, Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	known, err := resolve(t, home, "p0").Known()
	if err != nil || len(known) != 6 {
		t.Fatalf("got %d profiles, %v", len(known), err)
	}
	if shared := profile.Audit(known); len(shared) != 0 {
		t.Fatalf("profiles share: %+v", shared)
	}
}

// TestInterrupted loses parts of a profile one by one: a second run makes each
// of them again and touches nothing else.
func TestInterrupted(t *testing.T) {
	p := resolve(t, t.TempDir(), "rescue")
	first := run1(t, p, Options{})
	if first.Unchanged {
		t.Fatal("the first run says that it changed nothing")
	}
	if second := run1(t, p, Options{}); !second.Unchanged {
		t.Fatalf("the second run made %q and changed %q", second.Created, second.Changed)
	}
	config, err := os.ReadFile(p.ConfigPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range first.Created {
		if path == p.StateDir || path == p.ConfigPath {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		again := run1(t, p, Options{})
		if len(again.Created) == 0 || again.Created[0] != path {
			t.Errorf("without %s: made %q", path, again.Created)
		}
	}
	now, err := os.ReadFile(p.ConfigPath)
	if err != nil || string(now) != string(config) {
		t.Fatalf("the config was written to, %v", err)
	}
}

// TestRunning sets up beside the profile's own gateway: the registry keeps the
// ports that are live, and the result says that a restart takes the new ones.
func TestRunning(t *testing.T) {
	p := resolve(t, t.TempDir(), "rescue")
	live := run1(t, p, Options{}).Ports
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Registry.Update(func(all []profile.Instance) (profile.Instance, error) {
		all[0].Process = self.Identity
		return all[0], nil
	}); err != nil {
		t.Fatal(err)
	}
	next, err := p.NextBase()
	if err != nil {
		t.Fatal(err)
	}
	r := run1(t, p, Options{Port: next})
	if !r.Restart || r.Ports.Gateway != next {
		t.Errorf("got %+v", r)
	}
	context, err := os.ReadFile(filepath.Join(p.NATSDir(), "context", r.NATSContext+".json"))
	if want := fmt.Sprintf(":%d", live.Bus); err != nil || !strings.Contains(string(context), want) {
		t.Errorf("the context lost the live bus %s: %s, %v", want, context, err)
	}
	i, err := p.Registry.Get(p.Name)
	if err != nil || i.Ports != live {
		t.Errorf("the registry has %+v, want the live %+v, %v", i.Ports, live, err)
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		says    string
	}{
		"port too high": {Options{Port: 70000}, "--port: not a base port: 70000 is outside 1 to 65535"},
		"no room above": {Options{Port: 65500}, "--port: not a base port: with 65500"},
		"bind":          {Options{Bind: "all"}, "--bind all: must be one of"},
	} {
		t.Run(name, func(t *testing.T) {
			p := resolve(t, t.TempDir(), "rescue")
			_, err := Run(p, c.options)
			var refused *OptionError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an OptionError with %q", err, c.says)
			}
			if _, err := os.Stat(p.StateDir); err == nil {
				t.Fatal("a refused option left a state folder")
			}
		})
	}
}

func TestRefusesFolder(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, ".clawdbot-rescue"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(resolve(t, home, "rescue"), Options{}); !errors.Is(err, ErrFolder) {
		t.Fatalf("got %v, want ErrFolder", err)
	}
}

// TestBroken leaves a config that cannot be used alone.
func TestBroken(t *testing.T) {
	p := resolve(t, t.TempDir(), "rescue")
	text := []byte("{ gateway: ")
	if err := profile.WriteFile(p.ConfigPath, text); err != nil {
		t.Fatal(err)
	}
	var invalid *config.Error
	if _, err := Run(p, Options{Port: 20000}); !errors.As(err, &invalid) {
		t.Fatalf("got %v, want a *config.Error", err)
	}
	if now, err := os.ReadFile(p.ConfigPath); err != nil || string(now) != string(text) {
		t.Fatalf("the config is now %q, %v", now, err)
	}
}

func TestNameTaken(t *testing.T) {
	home := t.TempDir()
	p := resolve(t, home, "rescue")
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Registry.Update(func([]profile.Instance) (profile.Instance, error) {
		return profile.Instance{Profile: p.Name, StateDir: "/elsewhere", Process: self.Identity}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(p, Options{}); !errors.Is(err, ErrNameTaken) || !strings.Contains(err.Error(), "/elsewhere") {
		t.Fatalf("got %v, want ErrNameTaken with the other folder", err)
	}
}

// TestBindComment tells in the config who can connect.
func TestBindComment(t *testing.T) {
	for bind, want := range map[string]string{
		"": `"loopback", // loopback: only programs of this host can connect`, "lan": `"lan", // lan: the local network can connect`,
		"tailnet": `"tailnet", // tailnet: this host's tailnet can connect`, "auto": `"auto", // auto: the gateway chooses`,
	} {
		p := resolve(t, t.TempDir(), "rescue")
		run1(t, p, Options{Bind: bind})
		if text, err := os.ReadFile(p.ConfigPath); err != nil || !strings.Contains(string(text), "bind: "+want) {
			t.Errorf("%s: %s, %v", bind, text, err)
		}
	}
}

// TestBusNameTaken leaves nothing of a profile whose name on the bus is taken.
func TestBusNameTaken(t *testing.T) {
	home := t.TempDir()
	run1(t, resolve(t, home, "main"), Options{})
	p := resolve(t, home, profile.Default)
	var refused *BusNameError
	if _, err := Run(p, Options{}); !errors.As(err, &refused) || refused.Try != "clawdbot --profile main status" {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(p.StateDir); err == nil {
		t.Fatal("a refused profile has a state folder")
	}
}

// TestVerb names the command that a person used.
func TestVerb(t *testing.T) {
	home := t.TempDir()
	base := run1(t, resolve(t, home, "main"), Options{}).Ports.Gateway
	var refused *PortError
	_, err := Run(resolve(t, home, "rescue"), Options{Port: base, Verb: "onboard"})
	if !errors.As(err, &refused) || !strings.HasPrefix(refused.Try, "clawdbot --profile rescue onboard --port ") {
		t.Fatalf("got %v", err)
	}
}
