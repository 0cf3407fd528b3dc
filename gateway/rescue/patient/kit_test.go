package patient

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
	"clawdbot/profile/store"
)

// childHome makes the test binary run as the gateway of profile main in that home.
const childHome = "PATIENT_TEST_HOME"

func TestMain(m *testing.M) {
	home := os.Getenv(childHome)
	if home == "" {
		os.Exit(m.Run())
	}
	if err := childGateway(home); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// childGateway has main's store open and its crash output kept, as a gateway does, and does nothing.
func childGateway(home string) error {
	p, err := profile.Resolve(profile.Flags{Profile: "main"}, envAt(home))
	if err != nil {
		return err
	}
	s, err := store.Open(store.Config{Dir: p.StoreDir()})
	if err != nil {
		return err
	}
	stop, err := p.KeepCrashOutput()
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if err := (service.Notifier{}).Ready("it does nothing"); err != nil {
		return err
	}
	<-time.After(time.Minute)
	_ = stop()
	return s.Close()
}

func envAt(home string) profile.Env {
	return profile.Env{Home: home, Lookup: func(string) (string, bool) { return "", false }}
}

// ward is a host with the profiles main, which is ill, and rescue, whose hands are tested.
type ward struct {
	t     *testing.T
	main  profile.Profile
	hands *Hands
	peer  profile.Instance // main's entry
}

func newWard(t *testing.T) *ward {
	t.Helper()
	home := t.TempDir()
	resolve := func(name string) profile.Profile {
		p, err := profile.Resolve(profile.Flags{Profile: name}, envAt(home))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(p.StateDir, 0o700); err != nil {
			t.Fatal(err)
		}
		return p
	}
	w := &ward{t: t, main: resolve("main"), hands: New(resolve("rescue"))}
	w.peer = profile.Instance{
		Profile: "main", Bus: "main", StateDir: w.main.StateDir, ConfigPath: w.main.ConfigPath, Workspace: w.main.Workspace,
		Process: w.deadProcess(),
	}
	return w
}

// deadProcess is the identity of a process that has ended.
func (w *ward) deadProcess() proc.Identity {
	w.t.Helper()
	self, err := proc.Find(os.Getpid())
	if err != nil {
		w.t.Fatal(err)
	}
	self.Start += "0" // started later
	return self.Identity
}

// configure writes main's config file.
func (w *ward) configure(text string) {
	w.t.Helper()
	if err := os.WriteFile(w.main.ConfigPath, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// remember has main's config as it is now run once, with the verdict.
func (w *ward) remember(verdict config.Verdict, reason string) {
	w.t.Helper()
	s, err := store.Open(store.Config{Dir: w.main.StoreDir()})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	loaded, err := w.main.Load()
	if err != nil {
		w.t.Fatal(err)
	}
	generations := config.NewGenerations(s)
	g, err := generations.Record(loaded, config.FromFile, time.Now())
	if err == nil {
		_, err = generations.Mark(g.N, verdict, reason)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// log appends to main's log file.
func (w *ward) log(lines ...string) {
	w.t.Helper()
	path := w.main.LogFile()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		w.t.Fatal(err)
	}
}

// run starts main's gateway in a process of its own, and ends it with the test.
func (w *ward) run() *exec.Cmd {
	w.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childHome+"="+w.main.Env().Home)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	if !bufio.NewScanner(out).Scan() {
		w.t.Fatal("the gateway does not start")
	}
	info, err := proc.Find(cmd.Process.Pid)
	if err != nil {
		w.t.Fatal(err)
	}
	w.peer.Process = info.Identity
	if w.peer.Exe, err = proc.Exe(info.PID); err != nil {
		w.t.Fatal(err)
	}
	return cmd
}
