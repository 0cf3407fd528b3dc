package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

func TestLivesAreToldApart(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	ignore := goleak.IgnoreCurrent()
	for i := range 3 {
		stop := r.start(cfg)
		r.publish("clawdbot.main.log.info", fmt.Sprintf(`{"msg":"life %d"}`, i))
		stop()
	}
	goleak.VerifyNone(t, ignore)
	var got []string
	for _, e := range r.entries("") {
		switch {
		case strings.Contains(e.Gap, "begins"):
			got = append(got, "begin")
		case strings.Contains(e.Gap, "ends"):
			got = append(got, "end")
		case e.Of() == "log":
			got = append(got, "log")
		}
	}
	if want := []string{"begin", "log", "end", "begin", "log", "end", "begin", "log", "end"}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func (r *rig) probe() (msg.Probe, error) {
	r.Helper()
	var did msg.Probe
	subj, err := r.bus.Subjects.Probe("record")
	if err != nil {
		r.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return did, bus.Call(ctx, r.nc, subj, nil, &did)
}

func TestProbe(t *testing.T) {
	r := newRig(t)
	s, err := New(r.config())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := r.probe(); err == nil || time.Since(began) > patience/2 {
		t.Errorf("a recorder that does not work: %v after %s", err, time.Since(began))
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	until(t, "the probe succeeds", func() bool { _, err := r.probe(); return err == nil })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A disk that refuses is told, and does not end the recorder.
func TestDiskThatRefuses(t *testing.T) {
	r := newRig(t)
	wall := r.dir + ".ring"
	if err := os.WriteFile(wall, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	states := make(chan msg.Component, 16)
	r.listen("clawdbot.main.health.record", func(m *nats.Msg) {
		var c msg.Component
		if json.Unmarshal(m.Data, &c) == nil {
			states <- c
		}
	})
	r.start(r.config())
	next := func(want msg.State) string {
		for {
			select {
			case c := <-states:
				if c.State == want {
					return c.Detail
				}
			case <-time.After(patience):
				t.Fatalf("never %s", want)
			}
		}
	}
	if detail := next(msg.StateDegraded); !strings.Contains(detail, "nothing is recorded") {
		t.Errorf("detail %q", detail)
	}
	if _, err := r.probe(); err == nil {
		t.Error("the probe does not see it")
	}
	if err := os.Remove(wall); err != nil {
		t.Fatal(err)
	}
	r.publish("clawdbot.main.log.info", `{}`)
	next(msg.StateOK)
	if st := r.stats(); st.Lost == 0 {
		t.Errorf("stats %+v", st)
	}
	if all := r.entries(""); len(all) == 0 || !strings.Contains(all[0].Gap, "could not be written") {
		t.Errorf("entries %+v", all)
	}
}

func TestRunEndsWhenTheBusDoes(t *testing.T) {
	r := newRig(t)
	s, err := New(r.config())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background()) }()
	r.stats()
	r.bus.Close()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "bus ended the connection") {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Run does not end")
	}
}

func TestNewUndoesItself(t *testing.T) {
	r := newRig(t)
	cfg := r.config()
	cfg.Version = "no version"
	if _, err := New(cfg); err == nil {
		t.Error("a bad version is accepted")
	}
	cfg = r.config()
	cfg.Dial = func() (*nats.Conn, error) { return nil, errors.New("no bus") }
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "no bus") {
		t.Errorf("without a bus: %v", err)
	}
}
