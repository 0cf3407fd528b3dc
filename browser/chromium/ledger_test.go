package chromium

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"clawdbot/profile/proc"
)

// all returns the ledger's entries.
func all(t *testing.T, l *Launcher) []Owned {
	t.Helper()
	entries, err := l.cfg.Ledger.All()
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func gone(id proc.Identity) bool {
	_, err := proc.Same(id)
	return errors.Is(err, proc.ErrGone)
}

// TestLedger follows one Chromium from its start to its end.
func TestLedger(t *testing.T) {
	dir := t.TempDir()
	l := launcher(t, dir)
	begun := time.Now()
	p, err := l.Start(t.Context(), place(dir))
	if err != nil {
		t.Fatal(err)
	}
	entries := all(t, l)
	if len(entries) != 1 {
		t.Fatalf("%+v", entries)
	}
	o := entries[0]
	if o.Profile != "clawd" || o.PID != p.PID || o.Port != p.Port || o.Folder != p.Folder || o.Since.Before(begun) || gone(o.Identity) {
		t.Errorf("entered %+v of %+v", o, p)
	}
	if err := l.Unused(p.Folder); err == nil || !strings.Contains(err.Error(), "in use by process "+strconv.Itoa(p.PID)) {
		t.Errorf("a folder in use: %v", err)
	}
	if _, err := l.Start(t.Context(), place(dir)); err == nil || !strings.Contains(err.Error(), "in use by process "+strconv.Itoa(p.PID)) {
		t.Errorf("a second Chromium: %v", err)
	}
	p.End(0)
	<-p.Exited()
	if p.Err() == nil || len(all(t, l)) != 0 || !gone(o.Identity) || l.Unused(p.Folder) != nil {
		t.Errorf("after the end: %v, %+v", p.Err(), all(t, l))
	}
	l.Wait()
}

// TestStrikeSparesTheNext: the late end of one Chromium does not disown the next.
func TestStrikeSparesTheNext(t *testing.T) {
	l := launcher(t, t.TempDir())
	next := proc.Identity{PID: 2, Start: "2"}
	if err := l.cfg.Ledger.owned.Put("clawd", Owned{Identity: next, Profile: "clawd"}); err != nil {
		t.Fatal(err)
	}
	if err := l.cfg.Ledger.strike("clawd", proc.Identity{PID: 1, Start: "1"}); err != nil || len(all(t, l)) != 1 {
		t.Errorf("%v, %v", err, all(t, l))
	}
	if err := l.cfg.Ledger.strike("clawd", next); err != nil || len(all(t, l)) != 0 {
		t.Errorf("%v, %v", err, all(t, l))
	}
}

// TestGatewayKilled kills a gateway's process: no Chromium may stay, and the
// next gateway clears up.
func TestGatewayKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends the children of a killed process")
	}
	dir := t.TempDir()
	needChromium(t, New(Config{Host: Host{Path: os.Getenv("PATH")}}))
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+dir, "TMPDIR="+tempDir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "started <nil>\n" {
		t.Errorf("the victim said %q, %v", line, err)
	}
	if len(processesWith(victimEnv+"="+dir)) < 2 {
		t.Error("no Chromium runs")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	eventually(t, "Chromium is gone", func() bool { return len(processesWith(victimEnv+"="+dir)) == 0 })
	l := launcher(t, dir)
	if len(all(t, l)) != 1 {
		t.Errorf("the ledger forgot: %+v", all(t, l))
	}
	if err := l.Clear(t.Context()); err != nil || len(all(t, l)) != 0 {
		t.Errorf("%v, %+v", err, all(t, l))
	}
	if left, _ := filepath.Glob(filepath.Join(place(dir).Folder, "Singleton*")); len(left) > 0 {
		t.Errorf("left in the folder: %v", left)
	}
}

// TestClearAfterRename frees a folder whose lock tells another name of the
// host, or of the container, than it has now.
func TestClearAfterRename(t *testing.T) {
	dir := t.TempDir()
	l := launcher(t, dir)
	at := place(dir)
	o := Owned{Identity: proc.Identity{PID: 99999999, Start: "x"}, Profile: at.Profile, Folder: at.Folder, Host: "old-name"}
	lockFile := filepath.Join(at.Folder, singletonLock)
	for _, err := range []error{
		os.Mkdir(at.Folder, 0o700), os.Symlink("old-name-99999999", lockFile), l.cfg.Ledger.owned.Put(o.Profile, o),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Unused(at.Folder); err == nil || !strings.Contains(err.Error(), "on host old-name") {
		t.Errorf("before: %v", err)
	}
	if err := l.Clear(t.Context()); err != nil || l.Unused(at.Folder) != nil {
		t.Errorf("%v, then %v", err, l.Unused(at.Folder))
	}
}
