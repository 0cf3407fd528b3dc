package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"clawdbot": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScript runs the journeys in testdata/script, each on a home of its own.
// BASE1, BASE2 and BASE3 are base ports of blocks that are free and far from
// those that a user's own profiles have, BRIDGE1 to BRIDGE3 their bridge ports.
func TestScript(t *testing.T) { runScripts(t, filepath.Join("testdata", "script")) }

func runScripts(t *testing.T, dir string) {
	blocks := newBlocks()
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			if err := os.Mkdir(home, 0o700); err != nil {
				return err
			}
			env.Setenv("HOME", home)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command of a -race build takes a second to end
			for _, n := range []string{"1", "2", "3"} {
				base, err := blocks.next()
				if err != nil {
					return err
				}
				env.Setenv("BASE"+n, strconv.Itoa(base))
				env.Setenv("BRIDGE"+n, strconv.Itoa(base+ports.OffsetBridge))
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "listen": listen, "mode": mode, "remember": remember, "ready": ready, "until": until,
			"pin": pin, "refused": refused,
		},
	})
}

// blocks hands out base ports of free blocks, below the range that systems give
// to clients. A block comes again only after all the others.
type blocks struct {
	mu sync.Mutex
	n  int // of the last one
}

const (
	firstBlock = 20000
	manyBlocks = 56
)

// newBlocks begins anywhere, so that test runs beside this one begin elsewhere.
func newBlocks() *blocks { return &blocks{n: rand.IntN(manyBlocks)} }

func (b *blocks) next() (base int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range manyBlocks {
		b.n = (b.n + 1) % manyBlocks
		if base := firstBlock + b.n*ports.Step; free(base) {
			return base, nil
		}
	}
	return 0, errors.New("no free block of ports")
}

// freeBlocks returns the base ports of two blocks.
func freeBlocks(t testing.TB) (first, second int) {
	t.Helper()
	b := newBlocks()
	first, err := b.next()
	if err != nil {
		t.Fatal(err)
	}
	if second, err = b.next(); err != nil {
		t.Fatal(err)
	}
	return first, second
}

func free(base int) bool {
	for port := base; port <= base+ports.OffsetWebSocket; port++ {
		if profile.InUse(port) {
			return false
		}
	}
	return true
}

// exits runs a program that must end with the exit code: exits 78 clawdbot …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v: exit code %d, want %d", args[1:], got, want)
	}
}

// until runs a program again and again until its output matches: until pattern program [args]
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until pattern program [args]")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.After(patience)
	for {
		_ = ts.Exec(args[1], args[2:]...) // the output tells
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-deadline:
			ts.Fatalf("%v never says %s", args[1:], args[0])
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// pin sets PIN to the fingerprint of the default profile's certificate and TOKEN
// to its token, as their owner would tell them.
func pin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: pin")
	}
	var i profile.Instance
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(ts.MkAbs("home/.local/state/clawdbot/instances/default.json"))), &i))
	ts.Setenv("PIN", i.TLS)
	ts.Setenv("TOKEN", strings.TrimSpace(ts.ReadFile(ts.MkAbs("home/.clawdbot/gateway.token"))))
}

// refused waits until nobody listens at an address: refused host:port
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: refused host:port")
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", args[0])
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			_ = c.Close()
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s still answers: %v", args[0], err)
		}
	}
}

// listen holds a port until the script ends: listen port
func listen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listen port")
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// mode checks a file's permissions: mode 600 file
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode octal file")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// remember enters a config in a profile's store as a good generation, as a
// gateway that ran on it did: remember statedir
func remember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: remember statedir")
	}
	dir := ts.MkAbs(args[0])
	loaded, err := config.Load(config.Options{Path: filepath.Join(dir, "clawdbot.json")})
	ts.Check(err)
	s, err := store.Open(store.Config{Dir: filepath.Join(dir, "store")})
	ts.Check(err)
	gens := config.NewGenerations(s)
	g, err := gens.Record(loaded, config.FromFile, time.Now())
	if err == nil {
		_, err = gens.Mark(g.N, config.Good, "")
	}
	ts.Check(errors.Join(err, s.Close()))
}
