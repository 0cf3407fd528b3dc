package drill

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

func newTestScratch(t *testing.T, like config.Config, taken ...ports.Ports) *scratch {
	t.Helper()
	s, err := newScratch(Config{Exe: "clawdbot", Env: []string{"PATH=/bin"}, Own: func(*exec.Cmd) {}, Like: like, Taken: taken}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCloneTakesOnlySwitches clones a profile that reaches into the world.
func TestCloneTakesOnlySwitches(t *testing.T) {
	like := config.Default()
	like.Gateway.Auth.Token, like.Gateway.Bind, like.Gateway.Reload.Mode = "the-profile's-own-token-0123456789", "lan", "hot"
	like.Browser.Enabled, like.Browser.CDPURL = false, "http://192.0.2.1:9222"
	like.Bus.Remotes = []config.BusRemote{{Name: "cluster", URLs: []string{"nats-leaf://192.0.2.1:7422"}}}
	s := newTestScratch(t, like)
	for _, p := range []profile.Profile{s.main, s.rescue} {
		text, err := os.ReadFile(p.ConfigPath)
		if err != nil {
			t.Fatal(err)
		}
		for _, foreign := range []string{like.Gateway.Auth.Token, "192.0.2.1", "lan\""} {
			if bytes.Contains(text, []byte(foreign)) {
				t.Errorf("%s's config has %s of the profile:\n%s", p.Name, foreign, text)
			}
		}
	}
	loaded, err := s.main.Load()
	if err != nil {
		t.Fatal(err)
	}
	c := loaded.Config
	if c.Browser.Enabled || !c.Bridge.Enabled || c.Gateway.Reload.Mode != "hot" || c.Gateway.Bind != "loopback" || len(c.Gateway.Auth.Token) != 64 {
		t.Errorf("main is %+v", c)
	}
	if loaded, err = s.rescue.Load(); err != nil || loaded.Config.Rescue.Policy != "repair" || loaded.Config.Bridge.Enabled {
		t.Errorf("the rescue is %+v (%v)", loaded.Config, err)
	}
}

func TestScratchIsAPlaceOfItsOwn(t *testing.T) {
	s := newTestScratch(t, config.Default())
	for _, p := range []profile.Profile{s.main, s.rescue} {
		for _, path := range []string{p.StateDir, p.ConfigPath, p.Workspace, p.Registry.Dir(), p.NATSDir()} {
			if !strings.HasPrefix(path, s.dir+string(filepath.Separator)) {
				t.Errorf("%s lies outside of %s", path, s.dir)
			}
		}
		st, err := store.Open(store.Config{Dir: p.StoreDir()})
		if err != nil {
			t.Fatal(err)
		}
		g, err := config.NewGenerations(st).LastGood()
		if err != nil || g.N != 1 {
			t.Errorf("%s has no good generation: %v (%v)", p.Name, g, err)
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.main.Registry.List()
	if err != nil || len(list) != 2 {
		t.Errorf("registered are %v (%v)", list, err)
	}
}

func TestEnvironment(t *testing.T) {
	env := environment([]string{
		"PATH=/bin", "HOME=/home/ann", "ANTHROPIC_API_KEY=secret", "CLAWDBOT_GATEWAY_TOKEN=secret", "NOTIFY_SOCKET=/run/x",
		"DBUS_SESSION_BUS_ADDRESS=unix:path=/x", "XDG_STATE_HOME=/home/ann/state", "LANG=C",
	}, "/scratch")
	for _, kv := range env {
		for _, foreign := range []string{"secret", "ann", "NOTIFY", "DBUS"} {
			if strings.Contains(kv, foreign) {
				t.Errorf("the gateways get %s", kv)
			}
		}
	}
	for _, want := range []string{"PATH=/bin", "LANG=C", "HOME=/scratch", "XDG_STATE_HOME=" + filepath.Join("/scratch", "state")} {
		if !slices.Contains(env, want) {
			t.Errorf("the gateways do not get %s", want)
		}
	}
}

func TestPortsOfNobody(t *testing.T) {
	var taken []ports.Ports
	for base := ports.First; base < 40000; base += 2 * ports.Step {
		set, err := ports.Derive(base)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, set)
	}
	s := newTestScratch(t, config.Default(), taken...)
	mine := append(taken, s.ports[nameMain])
	for _, other := range mine {
		if o := s.ports[nameRescue].Overlaps(other); len(o) > 0 {
			t.Errorf("the rescue's ports overlap: %v", o)
		}
	}
	for _, other := range taken {
		if o := s.ports[nameMain].Overlaps(other); len(o) > 0 {
			t.Errorf("main's ports overlap: %v", o)
		}
	}
}

// TestRewrite makes the line wrong that is told.
func TestRewrite(t *testing.T) {
	s := newTestScratch(t, config.Default())
	line, err := s.rewrite(`bind: "loopback"`, `bind: "nowhere"`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.main.Load()
	var invalid *config.Error
	if !errors.As(err, &invalid) || invalid.Issues[0].Line != line {
		t.Errorf("line %d is wrong, the config says %v", line, err)
	}
	if same, err := s.untouched(); !same || err != nil {
		t.Errorf("the drill's own change counts as another's (%v)", err)
	}
	if err := os.WriteFile(s.main.ConfigPath, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if same, err := s.untouched(); same || err != nil {
		t.Errorf("another's change was not seen (%v)", err)
	}
	if _, err := s.rewrite("no such text", ""); err == nil {
		t.Error("there was nothing to change, and nothing was said")
	}
}

// TestDamage changes what a store must notice.
func TestDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if err := damage(dir); err == nil {
		t.Error("there is no store, and nothing was said")
	}
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	numbers := store.NewLog[string](s, "drill", "number")
	for range 100 {
		if _, err := numbers.Append(strings.Repeat("x", 100)); err != nil {
			t.Fatal(err)
		}
	}
	copied := t.TempDir()
	if err := os.CopyFS(filepath.Join(copied, "store"), os.DirFS(dir)); err != nil { // as kill -9 leaves it
		t.Fatal(err)
	}
	mark, err := os.ReadFile(dir + ".end")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "store.end"), mark, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := damage(filepath.Join(copied, "store")); err != nil {
		t.Fatal(err)
	}
	if s, err := store.Open(store.Config{Dir: filepath.Join(copied, "store")}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("the damaged store opens: %v", err)
		if err == nil {
			_ = s.Close()
		}
	}
}

func TestChoose(t *testing.T) {
	names := func(list []fault) (names []string) {
		for _, f := range list {
			names = append(names, f.Name)
		}
		return names
	}
	all, err := choose(nil)
	if err != nil || len(all) != 10 {
		t.Errorf("all are %v (%v)", names(all), err)
	}
	some, err := choose([]string{"kill", "freeze"})
	if err != nil || !slices.Equal(names(some), []string{"freeze", "kill"}) {
		t.Errorf("some are %v (%v)", names(some), err)
	}
	_, err = choose([]string{"kill", "freez"})
	if !errors.Is(err, ErrFault) || !strings.Contains(err.Error(), `"freez"; did you mean freeze?`) {
		t.Errorf("got %v", err)
	}
	if _, err := choose([]string{"earthquake"}); !errors.Is(err, ErrFault) || !strings.Contains(err.Error(), "there are freeze, kill, ") {
		t.Errorf("got %v", err)
	}
}

// TestRefusedRunLeavesNothing asks for what there is not.
func TestRefusedRunLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	if _, err := Run(t.Context(), Config{Only: []string{"nothing"}}); !errors.Is(err, ErrFault) {
		t.Errorf("got %v", err)
	}
	if _, err := Run(t.Context(), Config{Exe: filepath.Join(tmp, "none"), Own: func(*exec.Cmd) {}, Only: []string{"kill"}, Like: config.Default()}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left are %v (%v)", left, err)
	}
}
