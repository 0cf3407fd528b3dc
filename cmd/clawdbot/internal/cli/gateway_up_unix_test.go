//go:build unix

package cli

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
)

// up runs gateways of the home together, as another process, until they serve.
func (h *home) up(names ...string) {
	h.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"--profile", "main", "up"}, names...)...)
	cmd.Env = append(os.Environ(), "HOME="+h.dir, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=")
	var said syncBuffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			h.t.Errorf("up: %v\n%s", err, &said)
		}
	})
	for _, name := range names {
		await(h.t, name+" serves", func() bool { return h.run("--profile", name, "health").code == 0 })
	}
}

// TestUpIsTheManager: the verbs that steer a service steer a gateway that a
// clawdbot up keeps, through it.
func TestUpIsTheManager(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	h.setup("rescue", h.base+ports.Step)
	h.up("main", "rescue")
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "gateway"}, args...)...)
	}
	registered := func() proc.Identity {
		t.Helper()
		i, err := h.profile("main").Registry.Get("main")
		if err != nil || i.Manager != string(service.Up) || i.Keeper == "" {
			t.Fatalf("registry: %+v, %v", i, err)
		}
		return i.Process
	}
	on("status").wants(0, "service  clawdbot up (main), active", "")
	on("start").wants(0, "clawdbot up (main) is active already.", "")
	first := registered()
	on("restart").wants(0, "clawdbot up (main) restarted: pid ", "")
	if now := registered(); now == first || now.PID == 0 {
		t.Errorf("restart: %+v, then %+v", first, now)
	}
	on("stop").wants(0, "clawdbot up (main) stopped.", "")
	on("stop").wants(0, "The gateway of profile main does not run.", "")
	on("status").wants(3, "manager  up: stopped, last exit status 0", "")
	on("start").wants(0, "clawdbot up (main) started: pid ", "")
	var report serviceReport
	on("status", "--json").wants(0, "", "").into(&report)
	if s := report.Service; s.Manager != service.Up || s.PID != registered().PID || s.PID != report.Gateway.PID || report.Outdated {
		t.Errorf("%+v", report)
	}
	if out := on("status").out; strings.Contains(out, "! ") {
		t.Errorf("it warns: %s", out)
	}
}
