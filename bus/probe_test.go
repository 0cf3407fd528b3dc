package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
)

// probed serves a component whose probe is as given, and returns a function
// that asks it.
func probed(t *testing.T, probe func(context.Context) (string, error)) (ask func() (msg.Probe, error)) {
	t.Helper()
	b := bustest.Start(t, "main")
	s, err := bus.Serve(bus.ServiceConfig{Name: "canvas", Version: "1.0.0", Profile: "main", Conn: b.Conn(t), Probe: probe})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	subj, err := b.Subjects.Probe("canvas")
	if err != nil {
		t.Fatal(err)
	}
	nc := b.Conn(t)
	return func() (p msg.Probe, err error) {
		return p, bus.Call(within(t, patience), nc, subj, nil, &p)
	}
}

func TestProbeSaysWhatItDid(t *testing.T) {
	ask := probed(t, func(context.Context) (string, error) { return "served a file", nil })
	for range 2 { // one after the other is fine
		if p, err := ask(); err != nil || p.Did != "served a file" || p.TookUs < 0 {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

func TestProbeSaysWhatIsWrong(t *testing.T) {
	ask := probed(t, func(context.Context) (string, error) { return "", errors.New("Chromium does not answer") })
	var e *bus.Error
	if _, err := ask(); !errors.As(err, &e) || e.Code != bus.CodeUnavailable || e.Message != "Chromium does not answer" {
		t.Errorf("got %v", err)
	}
}

// A probe that heeds its context is over before the supervisor's second is.
func TestProbeHasADeadline(t *testing.T) {
	ask := probed(t, func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", context.Cause(ctx)
	})
	began := time.Now()
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took < bus.ProbeTime {
		t.Errorf("the probe had %s only", took)
	}
}

// One that is stuck takes no second one with it.
func TestStuckProbeRefusesTheNext(t *testing.T) {
	began, let := make(chan struct{}), make(chan struct{})
	ask := probed(t, func(context.Context) (string, error) {
		began <- struct{}{}
		<-let
		return "at last", nil
	})
	first := make(chan error, 1)
	go func() {
		_, err := ask()
		first <- err
	}()
	<-began
	var e *bus.Error
	if _, err := ask(); !errors.As(err, &e) || e.Code != bus.CodeUnavailable || !strings.HasPrefix(e.Message, "the probe that began at ") {
		t.Errorf("got %v", err)
	}
	close(let)
	if err := <-first; err != nil {
		t.Error(err)
	}
	go func() { <-began }()
	if p, err := ask(); err != nil || p.Did != "at last" {
		t.Errorf("after it: %+v, %v", p, err)
	}
}

func TestProbeNeedsAProfile(t *testing.T) {
	nc := bustest.Start(t, "main").Conn(t)
	probe := func(context.Context) (string, error) { return "", nil }
	if _, err := bus.Serve(bus.ServiceConfig{Name: "canvas", Version: "1.0.0", Conn: nc, Probe: probe}); err == nil || !strings.Contains(err.Error(), "bus service canvas") {
		t.Errorf("got %v", err)
	}
}
