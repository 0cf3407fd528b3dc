package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
	"clawdbot/profile/tape"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// rig is a bus and a store on which recorders come and go.
type rig struct {
	*testing.T
	bus   *bustest.Bus
	dir   string
	store *store.Store
	nc    *nats.Conn
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, bustest.Start(t, "main"))
}

func newRigOn(t *testing.T, b *bustest.Bus) *rig {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	db, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{T: t, bus: b, dir: dir, store: db, nc: b.Conn(t)}
}

func (r *rig) config() Config {
	return Config{
		Subjects: r.bus.Subjects, Dial: func() (*nats.Conn, error) { return r.bus.Dial() }, Version: "1.2.3",
		Log: slog.New(slog.DiscardHandler), Store: r.store, Served: r.bus.Served,
		Secrets: func() []string { return []string{"hunter2-known"} },
	}
}

// start runs a recorder until stop is called or the test ends.
func (r *rig) start(cfg Config) (stop func()) {
	r.Helper()
	s, err := New(cfg)
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.Errorf("Run: %v", err)
		}
	})
	r.Cleanup(stop)
	return stop
}

func (r *rig) call(method string, in, out any) error {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	subj, err := r.bus.Subjects.RPC(method)
	if err != nil {
		r.Fatal(err)
	}
	return bus.Call(ctx, r.nc, subj, in, out)
}

func (r *rig) stats() msg.RecordStats {
	r.Helper()
	var st msg.RecordStats
	if err := r.call("record.stats", nil, &st); err != nil {
		r.Fatal(err)
	}
	return st
}

func (r *rig) publish(subj, body string) {
	r.Helper()
	if err := errors.Join(r.nc.Publish(subj, []byte(body)), r.nc.Flush()); err != nil {
		r.Fatal(err)
	}
}

// listen subscribes on a connection of its own, and returns when the server knows.
func (r *rig) listen(subj string, heard nats.MsgHandler) {
	r.Helper()
	nc := r.bus.Conn(r.T)
	_, err := nc.Subscribe(subj, heard)
	if err = errors.Join(err, nc.Flush()); err != nil {
		r.Fatal(err)
	}
}

// entries reads what is recorded on the subject.
func (r *rig) entries(subj string) []tape.Entry {
	r.Helper()
	var all []tape.Entry
	for e, err := range tape.Read(r.dir, tape.Query{Subject: subj}) {
		if err != nil {
			r.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func messages(all []tape.Entry) []tape.Entry {
	return slices.DeleteFunc(slices.Clone(all), func(e tape.Entry) bool { return e.Gap != "" })
}

// until waits for a condition that others bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestRecordsEveryKindWithoutSecrets(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	bodies := map[string]string{
		"clawdbot.main.in.cli":              `{"text":"hello <you>","meta":{"botToken":"aa-secret-1"}}`,
		"clawdbot.main.out.cli":             `{"text":"see http://u:aa-secret-2@h/"}`,
		"clawdbot.main.rpc.config.apply":    `{"raw":"{ gateway: { auth: { token: 'aa-secret-3' } } }"}`,
		"clawdbot.main.event.chat":          `{"text":"hunter2-known"}`,
		"clawdbot.main.node.n1.event":       `Authorization: Bearer aa-secret-4`,
		"clawdbot.main.browser.open":        `{"url":"http://x/__clawdbot__/cap/aa-secret-5/a"}`,
		"clawdbot.main.canvas.url":          `{}`,
		"clawdbot.main.rescue.diagnose":     `{"password":"aa-secret-6"}`,
		"clawdbot.main.log.info":            `{"msg":"token=aa-secret-7 given","attrs":{"apiKey":"aa-secret-8"}}`,
		"clawdbot.main.config.applied":      `{"generation":7}`,
		"clawdbot.main.health.bridge":       `{"name":"bridge","state":"ok"}`,
		"clawdbot.main.health.peer.rescue":  `{"verdict":"ok"}`,
		"clawdbot.main.health.beat":         `{"boot":"b","seq":1}`,
		"clawdbot.main.rpc.not.json.at.all": "\xff\xfe secret=aa-secret-9",
	}
	for subj, body := range bodies {
		r.publish(subj, body)
	}
	total := int64(0)
	for _, n := range r.stats().Messages {
		total += n
	}
	found := messages(r.entries("clawdbot.main.>"))
	for subj, body := range bodies {
		i := slices.IndexFunc(found, func(e tape.Entry) bool { return e.Subject == subj })
		if i < 0 {
			t.Errorf("%s is not recorded", subj)
			continue
		}
		if e := found[i]; e.Size != len(body) || e.Request || time.Since(e.At).Abs() > time.Minute {
			t.Errorf("%s: %+v", subj, e)
		}
	}
	if !slices.IsSortedFunc(found, func(a, b tape.Entry) int { return a.At.Compare(b.At) }) {
		t.Error("entries are not in the order of time")
	}
	if total < int64(len(bodies)) {
		t.Errorf("stats count %d messages of %d", total, len(bodies))
	}
	raw := r.files()
	if !strings.Contains(raw, "hello <you>") {
		t.Error("the search in the files finds nothing: it cannot fail")
	}
	for _, secret := range []string{"aa-secret", "hunter2"} {
		if i := strings.Index(raw, secret); i >= 0 {
			t.Errorf("a secret is on disk: %.120s", raw[max(0, i-60):])
		}
	}
}

// files is all that the ring holds on disk, and checks who may read it.
func (r *rig) files() string {
	r.Helper()
	var all strings.Builder
	err := filepath.WalkDir(r.dir+".ring", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			r.Errorf("%s has the mode %s", path, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		body, err := os.ReadFile(path)
		all.Write(body)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return all.String()
}

// A message is missing only when more come than the credit.
func TestNothingIsMissingBelowTheCredit(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	const n = 500
	pace := time.NewTicker(4 * time.Millisecond)
	defer pace.Stop()
	for i := range n { // over nine windows, and far more than the credit of one
		<-pace.C
		if err := r.nc.Publish("clawdbot.main.in.cli", fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	r.stats()
	all := r.entries("clawdbot.main.in.*")
	if got := len(messages(all)); got != n {
		t.Errorf("%d of %d messages are recorded", got, n)
	}
	if st := r.stats(); st.Gaps != 0 || st.Lost != 0 {
		t.Errorf("stats: %+v", st)
	}
}

func TestFloodIsCappedAndTold(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	heard := make(chan struct{}, 1)
	const n = 50_000
	count := 0
	r.listen("clawdbot.main.in.flood", func(*nats.Msg) {
		if count++; count == n {
			heard <- struct{}{}
		}
	})
	began := time.Now()
	for i := range n {
		if err := r.nc.Publish("clawdbot.main.in.flood", fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-heard:
	case <-time.After(patience):
		t.Fatal("the flood did not reach its listener")
	}
	windows := int(time.Since(began)/window) + 2
	r.stats()
	if got := len(messages(r.entries("clawdbot.main.in.>"))); got < mostMessages || got > mostMessages*windows {
		t.Errorf("%d messages of the flood are recorded in %d windows", got, windows)
	}
	var notes []string
	until(t, "the recording is whole again", func() bool {
		notes = nil
		for _, e := range r.entries("clawdbot.main.in.flood") {
			if e.Gap != "" && e.Subject != "clawdbot.main.>" {
				notes = append(notes, e.Gap)
			}
		}
		return len(notes) > 1
	})
	if !strings.Contains(notes[0], "messages are missing") || !strings.Contains(notes[1], "no message is missing") || r.stats().Gaps != 1 {
		t.Errorf("notes %q, stats %+v", notes, r.stats())
	}
	r.publish("clawdbot.main.in.after", `{}`)
	r.stats()
	if len(messages(r.entries("clawdbot.main.in.after"))) != 1 {
		t.Error("nothing is recorded after the flood")
	}
}

// Large messages get less credit, so that the recorder holds little.
func TestLargeMessagesAreFewer(t *testing.T) {
	tp := &tap{got: 128, seen: 28, bytes: 100 << 20} // 100 messages
	if got := tp.credit(); got != 4 {
		t.Errorf("credit for messages of 1 MiB: %d", got)
	}
	tp.bytes = 100 << 10
	if got := tp.credit(); got != mostMessages {
		t.Errorf("credit for messages of 1 KiB: %d", got)
	}
}

func TestListeningDoesNotMakeARequestServed(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	for _, subj := range []string{"clawdbot.main.rpc.no.such.method", "clawdbot.main.out.nobody", "clawdbot.main.event.nobody"} {
		began := time.Now()
		_, err := r.nc.Request(subj, nil, patience)
		if !errors.Is(err, nats.ErrNoResponders) || time.Since(began) > patience/2 {
			t.Errorf("%s: %v after %s", subj, err, time.Since(began))
		}
	}
	r.listen("clawdbot.main.rpc.served", func(m *nats.Msg) { _ = m.Respond([]byte("yes")) })
	var askers sync.WaitGroup
	for range 4 { // far more than the credit: subscriptions end and begin
		nc := r.bus.Conn(t)
		askers.Go(func() {
			for range 1500 {
				if m, err := nc.Request("clawdbot.main.rpc.served", nil, patience); err != nil || string(m.Data) != "yes" {
					t.Errorf("a request that is served: %v", err)
					return
				}
			}
		})
	}
	askers.Wait()
	r.stats()
	for _, e := range r.entries("clawdbot.main.rpc.served") {
		if e.Gap == "" && !e.Request {
			t.Errorf("%+v is not told as a request", e)
		}
	}
}

func TestBeatsThatSayTheSameAreShort(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	beat := msg.Beat{Profile: "main", Boot: "b1", Phase: msg.PhaseReady, Components: []msg.Component{{Name: "agent", State: msg.StateOK}}}
	for i := range 2*wholeBeat + 1 {
		beat.Seq, beat.MonoMs, beat.TS = uint64(i+1), int64(i)*250, time.Now().UnixMilli()
		if i == 5 {
			beat.Components[0].State = msg.StateDegraded
		}
		r.publish("clawdbot.main.health.beat", string(must(json.Marshal(beat))))
	}
	r.stats()
	var whole []uint64
	all := messages(r.entries("clawdbot.main.health.beat"))
	for i, e := range all {
		var b msg.Beat
		if err := json.Unmarshal(e.Body, &b); err != nil || b.Seq != uint64(i+1) {
			t.Errorf("beat %d: %s, %v", i+1, e.Body, err)
		}
		if b.Boot != "" {
			whole = append(whole, b.Seq)
		}
	}
	if want := []uint64{1, 6, 6 + wholeBeat}; !slices.Equal(whole, want) || len(all) != 2*wholeBeat+1 {
		t.Errorf("%d beats, whole are %d, want %d", len(all), whole, want)
	}
}

func TestBeatsOfAPeerAreRecorded(t *testing.T) {
	a, b := bustest.Pair(t, "main", "rescue")
	r := newRigOn(t, a)
	r.start(r.config())
	peer := b.Conn(t)
	until(t, "a beat of the peer is recorded", func() bool {
		if err := peer.Publish("clawdbot.rescue.health.beat", []byte(`{"boot":"r"}`)); err != nil {
			t.Fatal(err)
		}
		r.stats()
		return len(messages(r.entries("clawdbot.rescue.health.beat"))) > 0
	})
}
