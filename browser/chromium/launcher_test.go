package chromium

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clawdbot/profile/ports"
)

func TestFlags(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name                string
		display, root       bool
		headless, noSandbox *bool
		want                string
		notes               int
	}{
		{"desktop", true, false, nil, nil, "", 0},
		{"server", false, false, nil, nil, "--headless=new", 1},
		{"root", false, true, nil, nil, "--headless=new --no-sandbox", 2},
		{"configured on", true, false, &yes, &yes, "--headless=new --no-sandbox", 0},
		{"configured off", false, true, &no, &no, "", 0},
	} {
		l := New(Config{Host: Host{Display: c.display, Root: c.root}, Headless: c.headless, NoSandbox: c.noSandbox})
		var got []string
		for _, f := range l.flags(Place{Folder: "/folder", Port: 1234}) {
			if f == "--headless=new" || f == "--no-sandbox" {
				got = append(got, f)
			}
		}
		if strings.Join(got, " ") != c.want || len(l.Notes()) != c.notes {
			t.Errorf("%s: %v and %q", c.name, got, l.Notes())
		}
	}
}

func TestFind(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	l := New(Config{Host: Host{OS: "linux", Path: "relative" + string(filepath.ListSeparator) + first + string(filepath.ListSeparator) + second}})
	program := func(dir, name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	expect := func(kind, path string) {
		t.Helper()
		if got, err := l.Find(); err != nil || got != (Executable{kind, path}) {
			t.Errorf("found %+v, %v, want %s %s", got, err, kind, path)
		}
	}
	program(first, "google-chrome-stable", 0o600) // not executable
	expect("chrome", program(second, "google-chrome-stable", 0o700))
	chrome := program(second, "google-chrome", 0o700)
	expect("chrome", chrome)
	program(first, "chromium", 0o700) // an earlier folder, but a later name
	expect("chrome", chrome)
	l.cfg.Executable = program(second, "my-own", 0o700)
	expect("custom", l.cfg.Executable)
}

// TestFindNone looks on a host without a browser: one of another system, whose
// usual places this one does not have.
func TestFindNone(t *testing.T) {
	if _, err := New(Config{Host: Host{OS: "windows"}}).Find(); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := New(Config{Executable: "/no/such"}).Find(); err == nil || !strings.Contains(err.Error(), "browser.executablePath") {
		t.Error(err)
	}
}

func TestCandidates(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		var kinds []string
		for _, c := range candidates(goos, "home") {
			kinds = append(kinds, c.kind)
			if len(c.places) < 2 {
				t.Errorf("%s: %+v", goos, c)
			}
		}
		if !slices.Equal(kinds, []string{"chrome", "brave", "edge", "chromium", "canary"}) {
			t.Errorf("%s: %v", goos, kinds)
		}
	}
}

// TestPorts chooses debugging ports: not those of other gateways, not those
// that are given to somebody, not taken ones.
func TestPorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	l := New(Config{
		Host: testHost(), Ports: ports.Range{From: port, To: port + 20}, Log: slog.New(slog.DiscardHandler),
		Others:   func() []ports.Ports { return []ports.Ports{{Gateway: port + 1}} },
		Reserved: func() []int { return []int{port + 2} },
	})
	if got, err := l.FreePort(); err != nil || got < port+3 {
		t.Errorf("%d, %v", got, err)
	}
	l.cfg.Ports.To = port + 2
	for _, start := range []func() error{
		func() error { _, err := l.FreePort(); return err },
		func() error { _, err := needChromium(t, l).Start(t.Context(), Place{Folder: t.TempDir()}); return err },
	} {
		if err := start(); err == nil || !strings.Contains(err.Error(), "nobody else's") {
			t.Errorf("a range that is used up: %v", err)
		}
	}
	for _, check := range []func(Place) error{
		l.Check,
		func(p Place) error { _, err := l.Start(t.Context(), p); return err },
	} {
		err := check(Place{Folder: t.TempDir(), Port: port})
		for _, want := range []string{strconv.Itoa(port), "taken", "process " + strconv.Itoa(os.Getpid()), "cdpPort"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("a fixed port that is taken: %v lacks %q", err, want)
			}
		}
	}
	exe, err := l.Find()
	if err != nil {
		t.Fatal(err)
	}
	late := func(how string) {
		t.Helper()
		if _, err := l.launch(t.Context(), exe, Place{Folder: t.TempDir(), Port: port}); !errors.Is(err, errPortTaken) {
			t.Errorf("a port that is taken between the look and the start, %s: %v", how, err)
		}
	}
	late("on 127.0.0.1")
	if both, err := net.Listen("tcp", net.JoinHostPort("::1", strconv.Itoa(port))); err == nil { // a host without IPv6 has no such case
		late("on both")
		_ = both.Close()
	}
	l.Wait()
}
