package browser

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clawdbot/profile/config"
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
		cfg := Config{Host: Host{Display: c.display, Root: c.root}, Settings: config.Browser{Headless: c.headless, NoSandbox: c.noSandbox}}
		l := newLauncher(cfg, nil)
		var got []string
		for _, f := range l.flags("/folder", 1234) {
			if f == "--headless=new" || f == "--no-sandbox" {
				got = append(got, f)
			}
		}
		if strings.Join(got, " ") != c.want || len(l.notes()) != c.notes {
			t.Errorf("%s: %v and %q", c.name, got, l.notes())
		}
	}
}

func TestFind(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	l := &launcher{goos: "linux", host: Host{Path: "relative" + string(filepath.ListSeparator) + first + string(filepath.ListSeparator) + second}}
	program := func(dir, name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	expect := func(kind, path string) {
		t.Helper()
		if got, err := l.find(); err != nil || got != (executable{kind, path}) {
			t.Errorf("found %+v, %v, want %s %s", got, err, kind, path)
		}
	}
	program(first, "google-chrome-stable", 0o600) // not executable
	expect("chrome", program(second, "google-chrome-stable", 0o700))
	chrome := program(second, "google-chrome", 0o700)
	expect("chrome", chrome)
	program(first, "chromium", 0o700) // an earlier folder, but a later name
	expect("chrome", chrome)
	l.configured = program(second, "my-own", 0o700)
	expect("custom", l.configured)
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
		if !slices.Equal(kinds, []string{"chrome", "brave", "edge", "chromium"}) {
			t.Errorf("%s: %v", goos, kinds)
		}
	}
}

func TestClaim(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	// Larger than any pid of Linux (2^22), so nobody has it.
	const dead = "99999999"
	for _, c := range []struct {
		owner string
		want  []string // nil: taken over
	}{
		{host + "-" + dead, nil},
		{host + "-" + strconv.Itoa(os.Getpid()), []string{"in use by process " + strconv.Itoa(os.Getpid()), "end it"}},
		{"other-host-" + dead, []string{"process " + dead, "on host other-host"}},
		{"odd", []string{"odd lock", "remove"}},
	} {
		folder, temp := filepath.Join(t.TempDir(), "user-data"), t.TempDir()
		if err := claim(folder); err != nil {
			t.Fatal(err)
		}
		hung := filepath.Join(temp, "org.chromium.Chromium.x")
		for _, err := range []error{
			os.Mkdir(hung, 0o700),
			os.WriteFile(filepath.Join(hung, singletonSocket), nil, 0o600),
			os.Symlink(filepath.Join(hung, singletonSocket), filepath.Join(folder, singletonSocket)),
			os.Symlink(c.owner, filepath.Join(folder, singletonLock)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		err := claim(folder)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", c.owner, err, want)
			}
		}
		_, lockErr := os.Lstat(filepath.Join(folder, singletonLock))
		_, tempErr := os.Stat(hung)
		if taken := err == nil; taken != (c.want == nil) || taken != os.IsNotExist(lockErr) || taken != os.IsNotExist(tempErr) {
			t.Errorf("%s: %v, lock %v, temporary folder %v", c.owner, err, lockErr, tempErr)
		}
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := claim(filepath.Join(blocked, "user-data")); err == nil || !strings.Contains(err.Error(), blocked) {
		t.Errorf("a folder that cannot be made: %v", err)
	}
}

func FuzzOutput(f *testing.F) {
	f.Add("dbus/x\nDevTools listening on ws://127.0.0.1:1/devtools/browser/x\nmore", 3)
	f.Add("a\nb\nc\nd\n", 1)
	f.Add("\r\nDevTools listening on \n", 2)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		whole, parts := &output{address: make(chan string, 1)}, &output{address: make(chan string, 1)}
		_, _ = whole.Write([]byte(text))
		cut = min(max(cut, 0), len(text))
		_, _ = parts.Write([]byte(text[:cut]))
		_, _ = parts.Write([]byte(text[cut:]))
		if whole.done != parts.done || len(whole.address) != len(parts.address) || whole.last() != parts.last() {
			t.Errorf("%q cut at %d: %+v and %+v", text, cut, whole, parts)
		}
		if len(whole.lines) > keptLines {
			t.Errorf("%d lines kept", len(whole.lines))
		}
	})
}

func TestStartSparesThePortsOfOtherGateways(t *testing.T) {
	port := freePort(t)
	l := &launcher{
		host: Host{Path: os.Getenv("PATH")}, goos: runtime.GOOS, ports: ports.Range{From: port, To: port}, log: slog.New(slog.DiscardHandler),
		others: func() []ports.Ports { return []ports.Ports{{Gateway: port}} },
	}
	_, err := l.start(t.Context(), t.TempDir(), 0)
	if err == nil || !strings.Contains(err.Error(), "nobody else's") {
		t.Fatalf("got %v", err)
	}
}
