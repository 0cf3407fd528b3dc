package daemon

import (
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"clawdbot/profile/config"
	"clawdbot/profile/ports"
)

// thief holds a port that the gateway will want.
func thief(t *testing.T) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return itoa(l.Addr().(*net.TCPAddr).Port)
}

// TestNewStartThatFailsGoesBack: the running gateway must not end because of a
// config that only a start can take up.
func TestNewStartThatFailsGoesBack(t *testing.T) {
	for name, more := range map[string]func() string{
		"a taken port":       func() string { return "{bus: {monitorPort: " + thief(t) + "}}" },
		"a log that is none": func() string { return "{logging: {file: '/dev/null/gateway.log'}}" },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			p := h.profile("main")
			h.write(p, "{}")
			g := h.start(p, h.base)
			boot := g.configs("good", isGood(1)).Boot
			h.write(p, more())
			l := g.configs("on the first again", func(l generations) bool { return l.Boot != boot && l.Source == config.FromFallback })
			if l.Running != 1 || l.Reason == "" {
				t.Errorf("got %+v", l)
			}
		})
	}
}

// TestStopDuringARestartIsAStop: it ends without an error, and the host knows.
func TestStopDuringARestartIsAStop(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	h.write(p, "{bus: {monitorPort: "+itoa(h.base+ports.OffsetMonitor)+"}}")
	<-waitFor(func() bool { return strings.Contains(g.console.String(), "restarting") })
	if err := g.stop(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if i, err := p.Registry.Get("main"); err != nil || i.Process.PID != 0 && i.Alive() && i.StoppedAt.IsZero() {
		t.Errorf("registered: %+v, %v", i, err)
	}
}

// TestSafeModeEndsWithTheDefaults: a config that differs from safe mode in nothing
// but the components that it runs.
func TestSafeModeEndsWithTheDefaults(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{bridge: {enabled: 'yes'}}")
	g := h.start(p, h.base)
	g.configs("safe", func(l generations) bool { return l.Source == config.FromSafeMode })
	h.write(p, "{}")
	g.configs("good", isGood(1))
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+itoa(h.base+ports.OffsetBridge), time.Second)
	if err != nil {
		t.Fatalf("the bridge does not run: %v", err)
	}
	_ = c.Close()
}

// TestEnvFileIsPartOfTheTransaction: the text of the config is the same.
func TestEnvFileIsPartOfTheTransaction(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	env := func(text string) {
		t.Helper()
		if err := os.WriteFile(p.DotEnv(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.write(p, "{logging: {level: '${LEVEL}'}, canvasHost: {root: '${ROOT}'}}")
	env("LEVEL=info\nROOT=" + h.home + "/canvas\n")
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	env("LEVEL=info\nROOT=" + p.ConfigPath + "/canvas\n")
	l := g.configs("rolled back", func(l generations) bool { return verdictOf(2, l) == config.Bad })
	if l.Running != 1 || verdictOf(1, l) != config.Good {
		t.Errorf("got %+v", l)
	}
	env("LEVEL=info\nROOT=" + h.home + "/canvas\n")
	g.configs("as it was", func(l generations) bool {
		return l.Running == 3 && l.Source == config.FromFile && verdictOf(3, l) == config.Good
	})
}

// TestWayBackKeepsANewToken: the edit that failed also withdrew a token.
func TestWayBackKeepsANewToken(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	const old, renewed = "old-token-old-token-old-token", "new-token-new-token-new-token"
	h.write(p, "{gateway: {auth: {token: '"+old+"'}}}")
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	h.write(p, "{gateway: {auth: {token: '"+renewed+"'}}, bridge: {port: "+thief(t)+"}}")
	<-waitFor(func() bool { return strings.Contains(g.console.String(), "config rolled back") })
	for token, want := range map[string]int{old: http.StatusUnauthorized, renewed: http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+itoa(h.base)+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %s", token, res.Status)
		}
	}
	if now, err := p.ClientToken(); err != nil || now != renewed {
		t.Errorf("commands use %q, %v", now, err)
	}
}

// TestSickComponentCondemnsNoOtherChange: it was stuck before.
func TestSickComponentCondemnsNoOtherChange(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{}")
	pl := plugs{open: map[string][]*plug{}}
	g := h.startWith(p, h.base, func(d *daemon) {
		pl.d = d
		d.dialAs = pl.dial
	})
	g.configs("good", isGood(1))
	beats := g.beats()
	pl.doom("canvas") // its later lives do not work either
	pl.pull("canvas")
	for stuck := false; !stuck; {
		for _, c := range (<-beats).Components {
			stuck = stuck || c.Name == "canvas" && strings.HasPrefix(c.Detail, stuckPrefix)
		}
	}
	h.write(p, "{logging: {level: 'debug'}}")
	g.configs("good, though the canvas is stuck", isGood(2))
}
