package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

// TestFailedStartLeavesNothing fails the start at one step after the other. What
// is wrong is told in one sentence with the way out, and a start that follows
// finds nothing in its way.
func TestFailedStartLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*testing.T, *host, profile.Profile) (mend func())
		says   string
		config bool // trying again is no use
		try    string
	}{
		"the state folder is a file": {
			func(t *testing.T, _ *host, p profile.Profile) func() { return fileAt(t, p.StateDir) },
			"state folder ", true, "",
		},
		"the store is open elsewhere": {
			func(t *testing.T, _ *host, p profile.Profile) func() {
				s, err := store.Open(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir()})
				if err != nil {
					t.Fatal(err)
				}
				return func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			},
			"another process has the store of profile main open", false, "clawdbot --profile main profiles",
		},
		"the log is a folder": {
			func(t *testing.T, h *host, p profile.Profile) func() {
				h.write(p, "{logging: {file: '~/'}}")
				return func() {
					if _, err := os.Stat(p.ConfigPath); err != nil {
						t.Errorf("the folder was moved away: %v", err)
					}
					h.write(p, "{}")
				}
			},
			" is no file: its mode is d", true, "clawdbot --profile main config unset logging.file",
		},
		"a port setting": {
			func(t *testing.T, h *host, p profile.Profile) func() {
				h.write(p, fmt.Sprintf("{bus: {port: %d}}", h.base))
				return func() { h.write(p, "{}") }
			},
			"gateway and bus both have port", true, "clawdbot --profile main ports",
		},
		"no tailnet": {
			func(t *testing.T, h *host, p profile.Profile) func() {
				h.write(p, "{bridge: {bind: 'tailnet'}, gateway: {auth: {token: 'a-token-that-is-long-enough-000000'}}}")
				return func() { h.write(p, "{}") }
			},
			"bridge: bind is tailnet, but this host has no tailnet address", true, "clawdbot --profile main config set bridge.bind loopback",
		},
		"the last component's port is taken": {taken(ports.OffsetCanvas), "canvas cannot listen on port ", false, "clawdbot ports explain "},
		"the bus's port is taken":            {taken(ports.OffsetBus), "bus cannot listen on port ", false, "clawdbot ports explain "},
		"the link's port is taken":           {taken(ports.OffsetLink), "link cannot listen on port ", false, "clawdbot ports explain "},
		"the registry is a file": {
			func(t *testing.T, _ *host, p profile.Profile) func() { return fileAt(t, p.Registry.Dir()) },
			"host registry: ", true, "",
		},
		"the bus's key": {
			func(t *testing.T, _ *host, p profile.Profile) func() {
				if err := os.MkdirAll(p.StateDir, 0o700); err != nil {
					t.Fatal(err)
				}
				return fileAt(t, filepath.Dir(p.BusKey("debug")))
			},
			"debug.key: not a directory", true, "",
		},
		"a component": {
			func(t *testing.T, h *host, p profile.Profile) func() {
				h.write(p, "{canvasHost: {root: '~/file/canvas'}}")
				return fileAt(t, filepath.Join(h.home, "file"))
			},
			"canvas: ", true, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			p := h.profile("main")
			mend := c.spoil(t, h, p)
			_, err := h.try(p, h.base)
			var refused *StartError
			if !errors.As(err, &refused) || refused.Config != c.config || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(refused.Try, c.try) || (c.try == "") != (refused.Try == "") {
				t.Fatalf("got %v (%+v)", err, refused)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("not one line: %q", err)
			}
			mend()
			if i, err := p.Registry.Get(p.Name); err == nil && i.Alive() {
				t.Error("the registry says that it runs")
			}
			h.start(p, h.base)
		})
	}
}

// drained is a component that notes how it was run.
type drained struct{ ended bool }

func (d *drained) Name() string { return "drained" }

func (d *drained) Run(ctx context.Context) error {
	d.ended = ctx.Err() != nil
	return errors.New("on the way out")
}

func TestAbandonedStartDrainsWhatWasBuilt(t *testing.T) {
	var first, second drained
	d := newDaemon(Options{}, trial{})
	for _, c := range []*drained{&first, &second} {
		l := &life{Component: c, done: make(chan struct{})}
		l.ctx, l.cancel = context.WithCancel(t.Context())
		d.parts = append(d.parts, &part{blueprint: blueprint{name: "drained"}, d: d, life: l})
	}
	if err := d.abandon(); err == nil || strings.Count(err.Error(), "drained: on the way out") != 2 {
		t.Errorf("got %v", err)
	}
	if !first.ended || !second.ended {
		t.Error("not every component was drained")
	}
}

// fileAt puts a file where a folder is needed.
func fileAt(t *testing.T, path string) (remove func()) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// taken has this test listen on one of the ports.
func taken(offset int) func(*testing.T, *host, profile.Profile) func() {
	return func(t *testing.T, h *host, _ profile.Profile) func() {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", h.base+offset))
		if err != nil {
			t.Fatal(err)
		}
		return func() { _ = l.Close() }
	}
}

func TestRefusalByCause(t *testing.T) {
	for _, c := range []struct {
		cause  error
		config bool
	}{
		{syscall.ENOSPC, false},
		{store.ErrFull, false},
		{profile.ErrLocked, false},
		{fs.ErrPermission, true},
		{syscall.EROFS, true},
		{store.ErrReadOnly, true},
	} {
		var refused *StartError
		if err := refusal(fmt.Errorf("a step: %w", c.cause)); !errors.As(err, &refused) || refused.Config != c.config || !errors.Is(err, c.cause) {
			t.Errorf("%v: got %+v", c.cause, err)
		}
	}
	other := errors.New("a bug")
	if err := refusal(other); !errors.Is(err, other) || errors.As(err, new(*StartError)) {
		t.Errorf("what nobody foresaw became %v", err)
	}
}

// TestForbiddenPortIsNotTaken: nobody holds a port that this user may not have.
func TestForbiddenPortIsNotTaken(t *testing.T) {
	h := newHost(t)
	d := newDaemon(Options{Profile: h.profile("main")}, trial{})
	err := d.taken("gateway", h.base, syscall.EACCES)
	var refused *StartError
	if !errors.As(err, &refused) || !refused.Config || !errors.Is(err, syscall.EACCES) {
		t.Fatalf("got %v", err)
	}
}

// TestShortTokenOutlivesItsConfig: safe mode asks for the user's own token, and
// starts.
func TestShortTokenOutlivesItsConfig(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, "{gateway: {auth: {token: 'short'}}}")
	if err := h.start(p, h.base).stop(); err != nil {
		t.Fatal(err)
	}
	h.write(p, "{gateway: ")
	g := h.start(p, h.base)
	if c, err := p.Credential(g.d.config()); err != nil || c.Token != "short" || !g.d.settings().safe() {
		t.Errorf("safe mode %v asks for %q (%v)", g.d.settings().safe(), c.Token, err)
	}
}

// TestThirdBesideTwoOfOneName: the unnamed profile and main are both set up; a
// third one has one of them as its peer.
func TestThirdBesideTwoOfOneName(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{profile.Default, "main"} {
		if err := h.start(h.profile(name), h.base).stop(); err != nil {
			t.Fatal(err)
		}
	}
	r := h.start(h.profile("rescue"), h.base+ports.Step)
	h.start(h.profile(profile.Default), h.base)
	r.sees("main", msg.VerdictOK)
}

// TestFailedStartLeavesTheEntryOfADeadProcess: to its peers a gateway that does
// not start looks as it did before.
func TestFailedStartLeavesTheEntryOfADeadProcess(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	entry := func() profile.Instance {
		t.Helper()
		i, err := p.Registry.Get(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	g := h.start(p, h.base)
	failed := entry()
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}

	// As if that process had been killed: a start that fails changes nothing of it.
	failed.Process.Start += "0"
	if _, err := p.Registry.Update(func([]profile.Instance) (profile.Instance, error) { return failed, nil }); err != nil {
		t.Fatal(err)
	}
	h.write(p, "{canvasHost: {root: '~/.clawdbot-main/clawdbot.json/canvas'}}")
	if _, err := h.try(p, h.base); err == nil {
		t.Fatal("it started")
	}
	if now := entry(); now.Process != failed.Process || !now.StoppedAt.IsZero() {
		t.Errorf("after a start that failed: %+v", now)
	}

	// Asked to stop, it keeps the unit that was installed meanwhile.
	h.write(p, "{}")
	g = h.start(p, h.base)
	if _, err := p.Registry.Update(func([]profile.Instance) (profile.Instance, error) {
		i := g.d.instance
		i.Unit = "clawdbot-gateway-main.service"
		return i, nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := g.stop(); err != nil {
		t.Fatal(err)
	}
	if now := entry(); now.Process != (proc.Identity{}) || now.StoppedAt.IsZero() || now.Unit == "" {
		t.Errorf("after a stop: %+v", now)
	}
}

// TestLostRegistryIsWrittenAgain: it is an index, so losing it loses nothing.
func TestLostRegistryIsWrittenAgain(t *testing.T) {
	h := newHost(t)
	m := h.start(h.profile("main"), h.base)
	r := h.start(h.profile("rescue"), h.base+ports.Step)
	r.sees("main", msg.VerdictOK)
	if err := os.Rename(m.p.Registry.Dir(), filepath.Join(h.home, "lost")); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(15 * time.Second)
	until := func(what string, right func() bool) {
		t.Helper()
		for !right() {
			select {
			case <-deadline:
				t.Fatalf("not in time: %s", what)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	for _, g := range []*gatewayUnderTest{m, r} {
		until(g.p.Name+" is in the registry", func() bool {
			i, err := g.p.Registry.Get(g.p.Name)
			return err == nil && i.Alive() && i.Ports.Gateway == g.port
		})
	}
	secret := func(g *gatewayUnderTest) string {
		peers := g.d.currentMembers().Peers
		if len(peers) != 1 {
			return g.p.Name + " has no peer"
		}
		return peers[0].Secret
	}
	until("both have the pair's new credential", func() bool { return secret(m) == secret(r) })
	r.sees("main", msg.VerdictOK)
	if err := m.stop(); err != nil {
		t.Fatal(err)
	}
	r.sees("main", msg.VerdictStopped)
}

// TestGarbagePairKeyCostsOneLink damages the credential of one pair.
func TestGarbagePairKeyCostsOneLink(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	if err := h.start(h.profile("rescue"), h.base+ports.Step).stop(); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(p.Registry.Dir(), "links", "main+rescue.key")
	if err := profile.WriteFile(key, []byte("garbage\n")); err != nil {
		t.Fatal(err)
	}
	g := h.start(p, h.base)
	if log := g.console.String(); !strings.Contains(log, "no link to rescue") || !strings.Contains(log, key) {
		t.Errorf("the log does not tell of the key:\n%s", log)
	}
}
