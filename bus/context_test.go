package bus_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
)

// natsCLI connects as the nats CLI does: the named context, or the one that is
// selected in context.txt (github.com/nats-io/jsm.go/natscontext).
func natsCLI(t *testing.T, dir, name string) *nats.Conn {
	t.Helper()
	if name == "" {
		choice, err := os.ReadFile(filepath.Join(dir, "context.txt"))
		if err != nil {
			t.Fatal(err)
		}
		name = strings.TrimSpace(string(choice))
	}
	body, err := os.ReadFile(filepath.Join(dir, "context", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		URL         string `json:"url"`
		User        string `json:"user"`
		Password    string `json:"password"`
		InboxPrefix string `json:"inbox_prefix"`
	}
	if err := json.Unmarshal(body, &c); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password), nats.CustomInboxPrefix(c.InboxPrefix))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func write(t *testing.T, dir string, b *bustest.Bus) (selected bool) {
	t.Helper()
	selected, err := bus.WriteContext(dir, b.Subjects.Profile(), b.ClientPort(), bus.UserDebug)
	if err != nil {
		t.Fatal(err)
	}
	return selected
}

func TestContextWorksWithoutFlags(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config", "nats")
	main, rescue := bustest.Start(t, "main"), bustest.Start(t, "rescue")
	if !write(t, dir, main) || write(t, dir, rescue) {
		t.Error("the first context is selected, and only that")
	}
	for name, b := range map[string]*bustest.Bus{"": main, "clawdbot-main": main, "clawdbot-rescue": rescue} {
		nc, svc := natsCLI(t, dir, name), b.Conn(t)
		all := listen(t, nc, b.Subjects.All())
		publish(t, svc, b.Subjects.Beat())
		if m := next(t, all); m.Subject != b.Subjects.Beat() {
			t.Errorf("%q read %s", name, m.Subject)
		}
		serve(t, svc, "agent", "clawdbot.x.rpc.y", answer(nil))
		if _, err := nc.Request("$SRV.PING", nil, patience); err != nil { // as nats micro ls does, in the context's own inbox
			t.Errorf("%q: %v", name, err)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, file := range []string{"context.txt", "context/clawdbot-main.json", "context/clawdbot-rescue.json"} {
		if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
}

func TestContextOfTheUserStaysSelected(t *testing.T) {
	dir := t.TempDir()
	b := bustest.Start(t, "main")
	choice := filepath.Join(dir, "context.txt")
	if err := os.WriteFile(choice, []byte("work\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if write(t, dir, b) {
		t.Error("another context was selected")
	}
	if err := bus.RemoveContext(dir, "main"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(choice); string(got) != "work\n" || err != nil {
		t.Errorf("context.txt is %q, %v", got, err)
	}
}

func TestContextIsRemoved(t *testing.T) {
	dir := t.TempDir()
	b := bustest.Start(t, "main")
	if !write(t, dir, b) || write(t, dir, b) {
		t.Error("it is selected once")
	}
	for range 2 { // the second finds nothing, which is no error
		if err := bus.RemoveContext(dir, "main"); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if _, gone := os.Stat(filepath.Join(dir, "context.txt")); len(left) > 0 || err != nil || gone == nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestContextThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nats")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	if _, err := bus.WriteContext(dir, "main", 1, "x"); err == nil || !strings.Contains(err.Error(), "nats context: ") {
		t.Errorf("got %v", err)
	}
}
