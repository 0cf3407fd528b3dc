package patient

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/gateway/rescue"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
	"clawdbot/profile/store"
)

// The hands are those that the rescue wants.
var _ rescue.Hands = (*Hands)(nil)

const secret = "tok-0123456789abcdef"

func TestEvidenceOfADeadPeerWithABrokenConfig(t *testing.T) {
	w := newWard(t)
	w.configure(`{gateway: {auth: {token: "` + secret + `"}}}`)
	w.remember(config.Good, "")
	for n := range 30 {
		w.log(fmt.Sprintf(`{"time":"2026-01-02T03:04:05.000Z","level":"info","profile":"main","msg":"line %d"}`, n), "panic: not a line of the log")
	}
	w.configure("{\n  gateway: {\n    auth: {token: \"" + secret + "\"},\n    port: \"many\",\n  },\n}\n")
	owner, err := store.Open(store.Config{Dir: w.main.StoreDir()}) // it starts at this moment
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()

	e := w.hands.Evidence(t.Context(), w.peer, time.Now())
	if len(e.Notes) > 0 {
		t.Errorf("notes: %q", e.Notes)
	}
	if e.Exit != nil || e.Stacks != "" || len(e.Foreign) > 0 {
		t.Errorf("exit %+v, stacks %q, foreign %v", e.Exit, e.Stacks, e.Foreign)
	}
	if len(e.LastLog) != 20 || e.LastLog[0].Msg != "line 10" || e.LastLog[19].Msg != "line 29" {
		t.Errorf("log: %+v", e.LastLog)
	}
	c := e.Config
	if c == nil || c.Generation != 1 || c.LastGood != 1 || c.Source != "file" || c.Verdict != "good" {
		t.Fatalf("config: %+v", c)
	}
	if len(c.Issues) != 1 || !strings.HasPrefix(c.Issues[0], "clawdbot.json:4:11: gateway.port: ") {
		t.Errorf("issues: %q", c.Issues)
	}
	if !strings.Contains(c.Diff, `+    port: "many",`) || strings.Contains(c.Diff, secret) {
		t.Errorf("difference:\n%s", c.Diff)
	}
	loaded, _ := w.main.Load()
	if e.FileHash == "" || e.FileHash != loaded.Hash {
		t.Errorf("hash %q, want %q", e.FileHash, loaded.Hash)
	}
}

// TestWhatToGoBackTo is another generation than the file, which had proven itself
// too, and before it what came of the file that is there again.
func TestWhatToGoBackTo(t *testing.T) {
	w := newWard(t)
	for n, tt := range []struct {
		text string
		want uint64
		diff string
	}{
		{"{}", 1, ""},
		{"{logging: {level: 'debug'}}", 1, "+{logging"},
		{"{logging: {level: 'warn'}}", 2, "+{logging: {level: 'warn'}}"},
		{"{}", 3, "+{}"},
	} {
		w.configure(tt.text)
		w.remember(config.Good, "")
		c := w.hands.Evidence(t.Context(), w.peer, time.Now()).Config
		if c.Generation != uint64(n+1) || c.LastGood != tt.want || !strings.Contains(c.Diff, tt.diff) {
			t.Errorf("%s: generation %d, last good %d, difference %q", tt.text, c.Generation, c.LastGood, c.Diff)
		}
	}
}

func TestEvidenceWhereNothingIs(t *testing.T) {
	w := newWard(t)
	e := w.hands.Evidence(t.Context(), w.peer, time.Now())
	if e.Config == nil || e.Config.Generation != 0 || !slices.Equal(e.Config.Issues, []string{"clawdbot.json is missing"}) || len(e.LastLog) > 0 {
		t.Errorf("%+v, config %+v", e, e.Config)
	}
	if len(e.Notes) != 2 || !strings.HasPrefix(e.Notes[0], "log: ") || !strings.HasPrefix(e.Notes[1], "store: ") {
		t.Errorf("notes: %q", e.Notes)
	}
}

// TestEvidenceOfADamagedPeer: what can still be read is there, and the damage is told.
func TestEvidenceOfADamagedPeer(t *testing.T) {
	w := newWard(t)
	w.configure("{}")
	w.remember(config.Good, "")
	s, err := store.Open(store.Config{Dir: w.main.StoreDir(), Checkpoints: w.main.CheckpointDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	manifests, err := filepath.Glob(filepath.Join(w.main.StoreDir(), "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal("no manifest", err)
	}
	for _, m := range manifests {
		if err := os.Truncate(m, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(w.main.LogFile(), 0o700); err != nil { // a folder in the log's place
		t.Fatal(err)
	}
	e := w.hands.Evidence(t.Context(), w.peer, time.Now())
	if e.Config.LastGood != 1 {
		t.Errorf("config: %+v", e.Config)
	}
	if len(e.Notes) != 2 || !strings.Contains(e.Notes[0], "is no file") || !strings.Contains(e.Notes[1], "corrupt") {
		t.Errorf("notes: %q", e.Notes)
	}
}

func TestPortsThatSomebodyElseHolds(t *testing.T) {
	w := newWard(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.peer.Ports.Gateway, w.peer.Ports.Bridge = l.Addr().(*net.TCPAddr).Port, free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	want := []rescue.PortHolder{{Port: w.peer.Ports.Gateway, Name: self.Name, PID: self.PID}}
	if got, err := w.hands.foreign(t.Context(), w.peer); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	back := w.peer
	back.Process = self.Identity
	if got, err := w.hands.foreign(t.Context(), back); err != nil || got != nil {
		t.Errorf("its own: %+v, %v", got, err)
	}
	// It came back, with a new process, since the entry was read.
	if err := w.main.NoteStart(profile.Starting{Process: self.Identity, Step: "listen"}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.hands.foreign(t.Context(), w.peer); err != nil || got != nil {
		t.Errorf("one that starts: %+v, %v", got, err)
	}
	if err := w.main.EndStart(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.main.Registry.Update(func([]profile.Instance) (profile.Instance, error) { return back, nil }); err != nil {
		t.Fatal(err)
	}
	if got, err := w.hands.foreign(t.Context(), w.peer); err != nil || got != nil {
		t.Errorf("one that is back: %+v, %v", got, err)
	}
}

// keeper keeps main, which was killed, and notes what it is told.
type keeper struct {
	told []string
	pid  int // of the process that it believes to run
	late int // how often it is asked until it notices the end of that
}

func (k *keeper) Status(member string) (service.Status, bool) {
	if k.late--; k.late < 0 {
		k.pid = 0
	}
	return service.Status{
		Installed: true, State: service.UpGaveUp, PID: k.pid, ExecMainCode: "killed", ExecMainStatus: 9, Signal: "SIGKILL", Restarts: 3,
	}, member == "main"
}
func (k *keeper) Start(context.Context, string) error { k.told = append(k.told, "start"); return nil }
func (k *keeper) Stop(context.Context, string) error  { k.told = append(k.told, "stop"); return nil }
func (k *keeper) Restart(context.Context, string) error {
	k.told = append(k.told, "restart")
	return nil
}

func TestThePeersOwnManagerIsAsked(t *testing.T) {
	w := newWard(t)
	if _, err := w.hands.Status(t.Context(), w.peer); !errors.Is(err, service.ErrNoManager) {
		t.Errorf("a peer that was started by hand: %v", err)
	}
	for _, steer := range []func(context.Context, profile.Instance) error{w.hands.Start, w.hands.Restart} {
		if err := steer(t.Context(), w.peer); !errors.Is(err, service.ErrNoManager) {
			t.Errorf("a peer that was started by hand: %v", err)
		}
	}
	l, err := w.hands.own.Registry.ListenKeeper()
	if err != nil {
		t.Fatal(err)
	}
	w.peer.Manager, w.peer.Keeper = "up", filepath.Join(t.TempDir(), "1.sock")
	if _, err := w.hands.Status(t.Context(), w.peer); err == nil || !strings.Contains(err.Error(), "is no socket of a clawdbot up") {
		t.Errorf("a socket elsewhere: %v", err)
	}
	w.peer.Keeper = l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	ended, k := make(chan error, 1), new(keeper)
	go func() { ended <- service.ServeKeeper(ctx, l, k) }()
	e := w.hands.Evidence(t.Context(), w.peer, time.Now())
	want := msg.Exit{Manager: "up", Unit: "main", State: service.UpGaveUp, Status: -1, Signal: "SIGKILL", Restart: 3}
	if e.Exit == nil || *e.Exit != want {
		t.Errorf("exit %+v, want %+v; notes %q", e.Exit, want, e.Notes)
	}
	k.late, k.pid = 3, w.peer.Process.PID // the link may be quicker than who waits for the process
	if e := w.hands.Evidence(t.Context(), w.peer, time.Now()); e.Exit == nil || *e.Exit != want {
		t.Errorf("the exit that the manager had yet to notice: %+v, want %+v", e.Exit, want)
	}
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	hung := w.peer
	hung.Process = self.Identity
	k.late, k.pid = math.MaxInt, hung.Process.PID
	if e := w.hands.Evidence(t.Context(), hung, time.Now()); e.Exit != nil || len(e.Notes) > 2 {
		t.Errorf("a peer that hangs has the exit of an earlier life: %+v", e.Exit)
	}
	if err := errors.Join(w.hands.Start(t.Context(), w.peer), w.hands.Restart(t.Context(), w.peer)); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !slices.Equal(k.told, []string{"start", "restart"}) {
		t.Errorf("told %q", k.told)
	}
}
