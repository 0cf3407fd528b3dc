package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clawdbot/profile"
	"clawdbot/profile/service/servicetest"
)

// newServiceHome is a home folder with a systemd of its own.
func newServiceHome(t *testing.T) *home {
	t.Helper()
	env := servicetest.UserManager(t)
	h := newHome(t)
	h.dir = env.Home
	for _, kv := range env.Environ() {
		key, value, _ := strings.Cut(kv, "=")
		h.vars[key] = value
	}
	return h
}

// TestService takes a profile that is not set up through all verbs.
func TestService(t *testing.T) {
	h := newServiceHome(t)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "gateway"}, args...)...)
	}
	on("start").wants(1, "", "clawdbot-gateway-main.service: not installed\ntry: clawdbot --profile main gateway install\n")
	on("restart").wants(1, "", "try: clawdbot --profile main gateway install\n")
	on("stop").wants(0, "The gateway of profile main does not run.", "")
	on("status").wants(3, "service  not installed", "not reachable")
	on("install", "--print").wants(0, "--profile main gateway run", "")
	if p := h.profile("main"); exists(p.ConfigPath) {
		t.Error("--print set the profile up")
	}

	on("install", "--port", fmt.Sprint(h.base)).wants(0, "clawdbot-gateway-main.service created: ", "profile main was not set up: made ~/.clawdbot-main/clawdbot.json")
	on("install").wants(0, "clawdbot-gateway-main.service is installed already; unchanged.", "")
	if i, err := h.profile("main").Registry.Get("main"); err != nil || i.Unit != "clawdbot-gateway-main.service" {
		t.Errorf("registry: %+v, %v", i, err)
	}
	on("start").wants(0, fmt.Sprintf("serving on port %d", h.base), "")
	on("start").wants(0, "is active already", "")
	on("status").wants(0, "service  clawdbot-gateway-main.service, active", "")
	var first, second serviceReport
	on("status", "--json").wants(0, "", "").into(&first)
	if !first.Service.Active || !first.Gateway.Reachable || first.Service.PID != first.Gateway.PID || first.Outdated {
		t.Errorf("%+v", first)
	}
	h.run("--profile", "main", "status", "--json").wants(0, `"active": true`, "")
	on("restart").wants(0, "restarted: pid ", "")
	on("status", "--json").wants(0, "", "").into(&second)
	if second.Gateway.PID == first.Gateway.PID || second.Gateway.PID == 0 {
		t.Errorf("restart: pid %d, then %d", first.Gateway.PID, second.Gateway.PID)
	}
	on("stop").wants(0, "clawdbot-gateway-main.service stopped.", "")
	on("status").wants(3, "main is stopped", "try: clawdbot --profile main gateway start\n")
	on("stop").wants(0, "The gateway of profile main does not run.", "")
	on("uninstall").wants(0, "clawdbot-gateway-main.service removed: ", "")
	on("uninstall").wants(0, "is not installed; nothing to remove", "")
	if i, err := h.profile("main").Registry.Get("main"); err != nil || i.Unit != "" {
		t.Errorf("registry: %+v, %v", i, err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestServiceUnit shows what it changes in a unit, lets doctor renew one, and
// touches no file of somebody else's without force.
func TestServiceUnit(t *testing.T) {
	h := newServiceHome(t)
	p := h.setup("main", h.base)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main"}, args...)...)
	}
	on("gateway", "install").wants(0, "Next: clawdbot --profile main gateway start", "")
	unit := filepath.Join(h.vars["XDG_CONFIG_HOME"], "systemd", "user", "clawdbot-gateway-main.service")
	body, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	old := strings.Replace(string(body), "gateway run", "gateway old", 1)
	write(t, unit, old)
	on("gateway", "status").wants(3, "the unit is not as this version would write it\ntry: clawdbot --profile main gateway install", "")
	on("gateway", "install").wants(0, "clawdbot-gateway-main.service changed: ", "")
	write(t, unit, old)
	if r := on("gateway", "install"); !strings.Contains(r.out, "\n-") || !strings.Contains(r.out, "\n+") {
		t.Errorf("no difference in %s", r.out)
	}
	write(t, unit, old)
	on("doctor").wants(1, "✗ service    clawdbot-gateway-main.service is not as this version would write it", "")
	on("doctor", "--fix").wants(1, "it: changed; it is taken up with: clawdbot", "has 1 problem")
	if now, err := os.ReadFile(unit); err != nil || string(now) != string(body) {
		t.Errorf("the unit is %s, %v", now, err)
	}

	write(t, unit, "[Service]\nExecStart=/bin/true\n")
	on("gateway", "install").wants(1, "", "not written by clawdbot\ntry: clawdbot --profile main gateway install --force\n")
	on("gateway", "uninstall").wants(1, "", "not written by clawdbot")
	on("gateway", "install", "--force").wants(0, "changed", "")
	write(t, p.ConfigPath, "{")
	on("gateway", "install").wants(78, "", "clawdbot.json:1:")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := profile.WriteFile(path, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// TestServiceOutside meets a gateway that runs without the service.
func TestServiceOutside(t *testing.T) {
	h := newServiceHome(t)
	p := h.setup("main", h.base)
	outside := h.process("main")
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "gateway"}, args...)...)
	}
	on("restart").wants(1, "", "not as a service")
	on("install").wants(0, "created", "")
	on("start").wants(75, "", fmt.Sprintf("runs already, as process %d outside the service\ntry: clawdbot --profile main gateway stop\n", outside.Pid))
	on("restart").wants(75, "", fmt.Sprintf("runs already, as process %d outside the service", outside.Pid))
	on("status").wants(0, "was not started by the service", "")
	on("stop").wants(0, fmt.Sprintf("process %d, which ran without a service", outside.Pid), "")
	if _, alive, err := running(p); alive || err != nil {
		t.Errorf("alive %v, %v", alive, err)
	}
	if i, err := p.Registry.Get("main"); err != nil || i.StoppedAt.IsZero() {
		t.Errorf("it was not stopped in order: %+v, %v", i, err)
	}
}

// TestServiceOnBrokenConfig starts, but not on the file, and says so.
func TestServiceOnBrokenConfig(t *testing.T) {
	h := newServiceHome(t)
	p := h.setup("main", h.base)
	h.run("--profile", "main", "gateway", "install").wants(0, "created", "")
	write(t, p.ConfigPath, "{")
	refused := "! the config file is not in use: clawdbot.json:1:"
	for _, verb := range []string{"start", "restart"} {
		h.run("--profile", "main", "gateway", verb).wants(0, refused, "").wants(0, "try: clawdbot --profile main config validate\n", "")
	}
	h.run("--profile", "main", "gateway", "status").wants(0, "● main is degraded: safe mode", "").wants(0, refused, "")
	h.run("--profile", "main", "gateway", "stop").wants(0, "stopped", "")
}

// TestServiceRefused is a service that cannot start.
func TestServiceRefused(t *testing.T) {
	h := newServiceHome(t)
	p := h.setup("main", h.base)
	h.run("--profile", "main", "gateway", "install").wants(0, "created", "")
	if err := os.RemoveAll(p.StateDir); err != nil {
		t.Fatal(err)
	}
	write(t, p.StateDir, "a file in the folder's place")
	h.run("--profile", "main", "gateway", "start").wants(1, "", "did not get ready")
}

// TestNoManager is a host without systemd for this user.
func TestNoManager(t *testing.T) {
	h := newHome(t)
	h.vars["XDG_RUNTIME_DIR"] = t.TempDir()
	h.setup("main", h.base)
	h.run("--profile", "main", "gateway", "install").
		wants(1, "", "the gateway of profile main cannot be a service here: no service manager: ")
	h.run("--profile", "main", "gateway", "install").wants(1, "", "try: clawdbot up main\n")
	h.run("--profile", "main", "gateway", "status").wants(3, "manager  no service manager: ", "")
	h.run("--profile", "main", "gateway", "status", "--json").wants(3, `"manager": ""`, "")
	h.run("--profile", "main", "gateway", "stop").wants(0, "does not run", "")
	for _, verb := range []string{"start", "restart"} {
		h.run("--profile", "main", "gateway", verb).wants(1, "", "no service manager: ").wants(1, "", "try: clawdbot up main\n")
	}
	h.run("--profile", "main", "gateway", "uninstall").wants(0, "nothing to remove", "")
	if got := h.findings(1)["service"]; len(got) != 1 || got[0].Severity != note || got[0].Try != "clawdbot up main" {
		t.Errorf("doctor: %+v", got)
	}
	h.run("--profile", "new", "onboard", "--non-interactive", "--install-daemon", "--json").wants(1, "", "try: clawdbot up new\n")
	if exists(h.profile("new").StateDir) {
		t.Error("a profile was made for a service that cannot be")
	}
}
