package patient

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
	"clawdbot/profile/service/servicetest"
)

// TestAPeerUnderSystemd is aborted, its end is told, and it is started and
// restarted, all through a real systemd.
func TestAPeerUnderSystemd(t *testing.T) {
	env := servicetest.UserManager(t)
	w := newWard(t)
	own, err := profile.Resolve(profile.Flags{Profile: "rescue"}, profile.Env{
		Home: w.main.Env().Home, Lookup: func(key string) (string, bool) { v := env.Getenv(key); return v, v != "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.hands, w.peer.Manager = New(own), string(service.Systemd)
	unit := w.install(env)
	current := func() int {
		t.Helper()
		s, err := w.hands.Status(t.Context(), w.peer)
		if err != nil || !s.Active {
			t.Fatalf("%+v, %v", s, err)
		}
		return s.PID
	}

	if err := w.hands.Start(t.Context(), w.peer); err != nil {
		t.Fatal(err)
	}
	first := current()
	info, err := proc.Find(first)
	if err != nil {
		t.Fatal(err)
	}
	w.peer.Process = info.Identity
	if w.peer.Exe, err = proc.Exe(first); err != nil {
		t.Fatal(err)
	}
	if stacks, err := w.hands.Abort(t.Context(), w.peer); err != nil || stacks == "" {
		t.Fatalf("%q, %v", stacks, err)
	}
	want := msg.Exit{Manager: "systemd", Unit: unit, State: "failed", Status: 2}
	var got *msg.Exit
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); { // systemd learns of the end in its own time
		e := w.hands.Evidence(t.Context(), w.peer, time.Now())
		if got = e.Exit; got != nil && got.State == want.State {
			break
		}
	}
	if got == nil || *got != want {
		t.Errorf("exit %+v, want %+v", got, want)
	}

	if err := w.hands.Start(t.Context(), w.peer); err != nil {
		t.Fatal(err)
	}
	second := current()
	if err := w.hands.Restart(t.Context(), w.peer); err != nil {
		t.Fatal(err)
	}
	if third := current(); second == first || third == second {
		t.Errorf("pids %d, %d, %d", first, second, third)
	}
}

// install makes a unit of main that systemd does not start again by itself.
func (w *ward) install(env *servicetest.Env) (unit string) {
	w.t.Helper()
	host, err := service.New(service.Systemd, env.Getenv)
	if err != nil {
		w.t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	if unit, err = service.Name(service.Systemd, "main"); err != nil {
		w.t.Fatal(err)
	}
	if err := profile.WriteFile(filepath.Join(env.ConfigHome, "systemd", "user", unit+".d", "once.conf"), []byte("[Service]\nRestart=no\n")); err != nil {
		w.t.Fatal(err)
	}
	home := w.main.Env().Home
	if _, err := host.Install(w.t.Context(), service.Spec{
		Profile: "main", Exe: exe, Env: map[string]string{childHome: home}, Home: home, LogDir: home,
	}, false); err != nil {
		w.t.Fatal(err)
	}
	return unit
}
