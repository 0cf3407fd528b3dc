package cli

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"clawdbot/profile"
)

// findings are what doctor --json found, by check.
func (h *home) findings(code int, args ...string) map[string][]finding {
	h.t.Helper()
	var d diagnosis
	r := h.run(append([]string{"--profile", "main", "doctor", "--json"}, args...)...)
	r.wants(code, "", "").into(&d)
	if d.OK != (code == 0) {
		h.t.Errorf("ok is %v beside exit code %d", d.OK, code)
	}
	by := map[string][]finding{}
	for _, f := range d.Findings {
		by[f.Check] = append(by[f.Check], f)
	}
	return by
}

func TestDoctor(t *testing.T) {
	h := newHome(t)
	h.run("--profile", "main", "doctor").wants(1, "the profile is not set up", "try: clawdbot --profile main doctor --fix")
	h.run("--profile", "main", "doctor", "--fix").wants(1, "the profile is not set up: set up with base port", "has 1 problem")
	p := h.setup("main", h.base)
	found := h.findings(1)
	if len(found["gateway"]) != 1 || found["gateway"][0].Try != "clawdbot --profile main gateway" {
		t.Errorf("%+v", found)
	}
	stop := h.gateway(p, 0)
	h.run("--profile", "main", "doctor").wants(0, "✓ gateway", "")
	stop()
	crash(t, p)
	if got := h.findings(1)["registry"]; len(got) != 1 || got[0].Severity != note || !strings.Contains(got[0].Text, "ended without a word") {
		t.Errorf("%+v", got)
	}
}

// TestDoctorFiles finds what others could read, closes it and nothing else.
func TestDoctorFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file modes")
	}
	h := newHome(t)
	p := h.setup("main", h.base)
	h.gateway(p, 0)
	inBrowser := filepath.Join(p.BrowserDir(), "clawd", "Cookies")
	if err := profile.WriteFile(inBrowser, nil); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{p.ConfigPath: 0o644, filepath.Join(p.StateDir, "bus"): 0o755, inBrowser: 0o644} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	h.run("--profile", "main", "doctor").wants(1, "can be used by others (mode 0", "has 1 problem")
	h.run("--profile", "main", "doctor", "--fix").wants(0, "2 files made private", "")
	for path, want := range map[string]os.FileMode{p.ConfigPath: 0o600, filepath.Join(p.StateDir, "bus"): 0o700, inBrowser: 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	h.run("--profile", "main", "doctor").wants(0, "✓ files", "")
}

func TestDoctorConfig(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	if err := os.WriteFile(p.ConfigPath, []byte("{gateway: {port: 'x'},\n bridge: 1}"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := h.findings(1)["config"]
	if len(got) != 2 || !strings.Contains(got[0].Text, "clawdbot.json:1:18: gateway.port") || !strings.Contains(got[1].Text, "clawdbot.json:2:") {
		t.Errorf("%+v", got)
	}
	h.run("--profile", "main", "doctor").wants(1, "✗ config     clawdbot.json:1:18: gateway.port", "")
}

// TestDoctorNeighbours finds taken ports, shared paths and stale entries.
func TestDoctorNeighbours(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	for _, port := range []int{h.base + 1, h.base + 4} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	for _, name := range []string{"gone", "shares"} {
		_, err := p.Registry.Update(func([]profile.Instance) (profile.Instance, error) {
			i := profile.Instance{Profile: name, Bus: name, StateDir: filepath.Join(h.dir, name)}
			if name == "shares" {
				i.StateDir, i.Workspace = t.TempDir(), p.Workspace
			}
			return i, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	found := h.findings(1, "--fix")
	if got := found["ports"]; len(got) != 1 || !strings.Contains(got[0].Text, fmt.Sprintf("port %d", h.base+1)) ||
		!strings.HasSuffix(got[0].Text, fmt.Sprintf("and also port %d (canvas)", h.base+4)) {
		t.Errorf("ports: %+v", got)
	}
	if got := found["isolation"]; len(got) != 1 || !strings.Contains(got[0].Text, "share the workspace") {
		t.Errorf("isolation: %+v", got)
	}
	if got := found["registry"]; len(got) != 1 || got[0].Fixed != "forgotten" {
		t.Errorf("registry: %+v", got)
	}
	if _, err := p.Registry.Get("gone"); err == nil {
		t.Error("the stale entry stays")
	}
	if _, err := p.Registry.Get("shares"); err != nil {
		t.Error(err)
	}
}

func TestDoctorContextAndBrowser(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.vars["PATH"] = t.TempDir()
	h.gateway(p, 0)
	path := filepath.Join(h.dir, ".config", "nats", "context", "clawdbot-main.json")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	found := h.findings(1)
	if got := found["nats"]; len(got) != 1 || !strings.Contains(got[0].Text, "it is missing") || got[0].Try != "clawdbot --profile main bus context" {
		t.Errorf("nats: %+v", got)
	}
	if got := found["browser"]; len(got) != 1 || !strings.Contains(got[0].Text, "no Chromium found") {
		t.Errorf("browser: %+v", got)
	}
	if got := h.findings(1, "--fix")["nats"]; len(got) != 1 || got[0].Fixed != "written" {
		t.Errorf("nats: %+v", got)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// TestDoctorRemoteBrowser looks for no Chromium here when it is another host's
// that is used.
func TestDoctorRemoteBrowser(t *testing.T) {
	h := newHome(t)
	h.vars["PATH"] = t.TempDir()
	p := h.setup("main", h.base)
	for more, want := range map[string]int{"": 1, `, controlToken: "a-token-of-that-host"`: 0} {
		text := fmt.Sprintf(`{gateway: {port: %d}, browser: {controlUrl: "http://browsers.example:18791"%s}}`, h.base, more)
		if err := os.WriteFile(p.ConfigPath, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := h.findings(1)["browser"] // no gateway runs, which is a problem of its own
		if len(got) != want || want > 0 && !strings.Contains(got[0].Text, "browsers.example:18791 is used without its token") {
			t.Errorf("%s: %+v", more, got)
		}
	}
}

func TestDoctorStore(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.gateway(p, 0)()
	manifests, err := filepath.Glob(filepath.Join(p.StoreDir(), "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, m := range manifests {
		if err := os.Remove(m); err != nil {
			t.Fatal(err)
		}
	}
	h.run("--profile", "main", "doctor").wants(1, "✗ store", "")
	if got := h.findings(1)["store"]; len(got) != 1 || !strings.Contains(got[0].Text, "restores the newest checkpoint") {
		t.Errorf("store: %+v", got)
	}
}

// TestDoctorRemains tells of what a crash and a damaged store left behind.
func TestDoctorRemains(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.gateway(p, 0)
	if found := h.findings(0); len(found["crashes"])+len(found["store"]) != 0 {
		t.Errorf("out of nothing: %+v", found)
	}
	dump := filepath.Join(p.StateDir, "crash", "20260102-150405.000.txt")
	if err := profile.WriteFile(dump, []byte("goroutine 1 [running]:\n")); err != nil {
		t.Fatal(err)
	}
	damaged := p.StoreDir() + ".corrupt-20260102T150405.000Z"
	if err := os.Mkdir(damaged, 0o700); err != nil {
		t.Fatal(err)
	}
	found := h.findings(0)
	for check, want := range map[string]string{"crashes": "20260102-150405.000.txt", "store": "store.corrupt-20260102T150405.000Z"} {
		if got := found[check]; len(got) != 1 || got[0].Severity != note || !strings.Contains(got[0].Text, want) {
			t.Errorf("%s: %+v", check, got)
		}
	}
}
