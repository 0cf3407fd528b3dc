package profile

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

const patience = 10 * time.Second

func TestMain(m *testing.M) {
	if len(os.Args) >= 3 {
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
func spawn(t *testing.T, role, stateDir string, more ...string) (*exec.Cmd, proc.Identity) {
	t.Helper()
	cmd := exec.Command(testProgram(t), append([]string{role, stateDir}, more...)...)
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
	hosts := func() Registry { return resolve(t, Flags{}, testEnv(t, nil)).Registry }
	gateway := Instance{Profile: "main", StateDir: state, Process: id, Exe: exe}
	older := id
	older.Start += "0"
	elsewhere := t.TempDir()
	_, other := spawn(t, "--hold", elsewhere)
	_, named := spawn(t, "--hold", t.TempDir(), "--profile", "rescue")
	for name, c := range map[string]struct {
		change func(*Instance)
		others []Instance
		want   error
		says   string
	}{
		"the gateway itself":          {},
		"beside others":               {others: []Instance{{Profile: "rescue", StateDir: elsewhere, Process: other}, {Profile: "third", StateDir: t.TempDir()}}},
		"another program":             {func(i *Instance) { i.Exe = "/opt/another" }, nil, ErrNotProven, "the registry says /opt/another"},
		"no program":                  {func(i *Instance) { i.Exe = "" }, nil, ErrNotProven, "it runs "},
		"a number that was reused":    {func(i *Instance) { i.Process = older }, nil, proc.ErrGone, ""},
		"a gateway that stopped":      {func(i *Instance) { i.Process = proc.Identity{} }, nil, proc.ErrGone, ""},
		"another profile's gateway":   {func(i *Instance) { i.Process = other }, nil, ErrNotProven, "does not have the store"},
		"a profile without a store":   {func(i *Instance) { i.StateDir = t.TempDir() }, nil, ErrNotProven, "LOCK"},
		"another's command line":      {func(i *Instance) { i.Process = named }, nil, ErrNotProven, "its command line says --profile rescue"},
		"another has the process":     {nil, []Instance{{Profile: "rescue", StateDir: elsewhere, Process: id}}, ErrNotProven, "it is the gateway of rescue too"},
		"another has the folder":      {nil, []Instance{{Profile: "rescue", StateDir: state + "/."}}, ErrNotProven, "rescue has its state folder too"},
		"forged from another's entry": {nil, []Instance{{Profile: "rescue", StateDir: state, Process: id, Exe: exe}}, ErrNotProven, "rescue too"},
	} {
		t.Run(name, func(t *testing.T) {
			i, r := gateway, hosts()
			if c.change != nil {
				c.change(&i)
			}
			register(t, r, i)
			for _, other := range c.others {
				register(t, r, other)
			}
			err := r.Prove(i)
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v: %s", err, c.want, c.says)
			}
		})
	}
	mine := Instance{Profile: "main", StateDir: state, Process: self(t), Exe: exe}
	if err := hosts().Prove(mine); err != nil {
		t.Errorf("this process, whose lock must not be asked for: %v", err)
	}
}

func TestProfileOfACommandLine(t *testing.T) {
	for line, want := range map[string]string{
		"clawdbot gateway run":                    "",
		"clawdbot --profile main gateway run":     "main",
		"clawdbot gateway run --profile=main":     "main",
		"clawdbot --dev gateway run":              Dev,
		"clawdbot --profile":                      "",
		"clawdbot gateway -- --profile main":      "",
		"clawdbot --profile-of main --profiles=x": "",
	} {
		if got, ok := chosen(strings.Fields(line)); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", line, got, ok)
		}
	}
}
