package profile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

const patience = 10 * time.Second

func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		if role, ok := roles[os.Args[1]]; ok {
			if err := role(Profile{Name: "main", StateDir: os.Args[2]}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// roles are what this test program does as another process, with a profile's state folder.
var roles = map[string]func(Profile) error{
	"--crash": func(p Profile) error {
		if _, err := p.KeepCrashOutput(); err != nil {
			return err
		}
		panic("boom")
	},
	"--hang": func(p Profile) error {
		if _, err := p.KeepCrashOutput(); err != nil {
			return err
		}
		fmt.Println("up")
		<-make(chan int)
		return nil
	},
	"--hold": func(p Profile) error {
		s, err := store.Open(store.Config{Dir: p.StoreDir()})
		if err != nil {
			return err
		}
		fmt.Println("up")
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the test ends
		return s.Close()
	},
}

// spawn runs this test program in a role until it says that it is up, and ends it with the test.
func spawn(t *testing.T, role, stateDir string) (*exec.Cmd, proc.Identity) {
	t.Helper()
	cmd := exec.Command(testProgram(t), role, stateDir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil { // open as long as the test runs
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	info, err := proc.Find(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, info.Identity
}

func testProgram(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// self is this process.
func self(t *testing.T) proc.Identity {
	t.Helper()
	info, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return info.Identity
}

func TestProve(t *testing.T) {
	state := t.TempDir()
	_, id := spawn(t, "--hold", state)
	exe, err := proc.Exe(id.PID)
	if err != nil {
		t.Fatal(err)
	}
	gateway := Instance{Profile: "main", StateDir: state, Process: id, Exe: exe}
	if err := gateway.Prove(); err != nil {
		t.Errorf("the gateway itself: %v", err)
	}
	older := id
	older.Start += "0"
	elsewhere := t.TempDir()
	_, other := spawn(t, "--hold", elsewhere)
	for name, c := range map[string]struct {
		change func(*Instance)
		want   error
	}{
		"another program":           {func(i *Instance) { i.Exe = "/opt/another" }, ErrNotProven},
		"no program":                {func(i *Instance) { i.Exe = "" }, ErrNotProven},
		"a number that was reused":  {func(i *Instance) { i.Process = older }, proc.ErrGone},
		"a gateway that stopped":    {func(i *Instance) { i.Process = proc.Identity{} }, proc.ErrGone},
		"another profile's gateway": {func(i *Instance) { i.Process = other }, ErrNotProven},
		"a profile without a store": {func(i *Instance) { i.StateDir = t.TempDir() }, ErrNotProven},
	} {
		i := gateway
		c.change(&i)
		if err := i.Prove(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	mine := Instance{Profile: "main", StateDir: state, Process: self(t), Exe: exe}
	if err := mine.Prove(); err != nil {
		t.Errorf("this process, whose lock must not be asked for: %v", err)
	}
}
