package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/subject"
	"clawdbot/gateway/record"
	"clawdbot/profile/store"
)

// BenchmarkRecorder measures what the flight recorder costs the bus: rounds
// without and with it in turn, and the median of what each pair differs. All is
// in this process and uses all it can get, so messages are counted for each second
// of processor time: that is the throughput, and other programs change it little.
// Run it with make bench.
func BenchmarkRecorder(b *testing.B) {
	r := newRecorderRig(b)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	for b.Loop() {
		fmt.Fprintln(w, "\nbus, a second of CPU\twithout recorder\twith\tcost\tpromised")
		for _, c := range []struct {
			name string
			run  func() float64
		}{
			{"publish in.bench, 128 bytes, one listener", func() float64 { return r.flood("in.bench", 128) }},
			{"publish event.bench, 1 KiB, one listener", func() float64 { return r.flood("event.bench", 1<<10) }},
			{"request rpc.bench, one at a time", r.requests},
		} {
			var without, with, cost []float64
			for range recorderRounds {
				off := c.run()
				stop := r.record()
				on := c.run()
				stop()
				without, with, cost = append(without, off), append(with, on), append(cost, (off-on)/off*100)
			}
			fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.1f %%\t≤ 5 %%\n", c.name, middle(without), middle(with), middle(cost))
		}
	}
}

const (
	recorderRounds = 15
	recorderRound  = 500 * time.Millisecond
)

func middle(rounds []float64) float64 {
	slices.Sort(rounds)
	return rounds[len(rounds)/2]
}

// recorderRig is a bus of its own with one sender and one listener.
type recorderRig struct {
	b        *testing.B
	sp       subject.Space
	srv      *bus.Server
	store    *store.Store
	from, to *nats.Conn
}

func newRecorderRig(b *testing.B) *recorderRig {
	b.Helper()
	r := &recorderRig{b: b}
	var err error
	ok := func() {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	r.sp, err = subject.New("main")
	ok()
	r.srv, err = bus.Start(bus.Config{Subjects: r.sp, NoLink: true, Log: slog.New(slog.DiscardHandler)})
	ok()
	b.Cleanup(r.srv.Close)
	r.store, err = store.Open(store.Config{Dir: b.TempDir() + "/store"})
	ok()
	b.Cleanup(func() { _ = r.store.Close() })
	r.from, err = r.srv.Dial()
	ok()
	b.Cleanup(r.from.Close)
	r.to, err = r.srv.Dial()
	ok()
	b.Cleanup(r.to.Close)
	_, err = r.to.Subscribe("clawdbot.main.rpc.bench", func(m *nats.Msg) { _ = m.Respond(m.Data) })
	ok()
	err = r.to.Flush()
	ok()
	return r
}

// record runs a recorder until the function that it returns is called.
func (r *recorderRig) record() (stop func()) {
	s, err := record.New(record.Config{
		Subjects: r.sp, Dial: func() (*nats.Conn, error) { return r.srv.Dial() }, Version: "1.2.3",
		Log: slog.New(slog.DiscardHandler), Store: r.store, Served: r.srv.Served,
	})
	if err != nil {
		r.b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			r.b.Error(err)
		}
	}
}

// flood publishes as fast as the listener takes it, and returns messages a second.
func (r *recorderRig) flood(subj string, size int) float64 {
	const batch = 1000
	got := make(chan struct{}, 1)
	n := 0
	sub, err := r.to.Subscribe("clawdbot.main."+subj, func(*nats.Msg) {
		if n++; n%batch == 0 {
			got <- struct{}{}
		}
	})
	if err == nil {
		err = r.to.Flush()
	}
	if err != nil {
		r.b.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	body := fmt.Appendf(nil, `{"text":"%0*d"}`, size-11, 0)
	began, used, sent := time.Now(), cpuTime(r.b), 0
	for time.Since(began) < recorderRound {
		for range batch {
			if err := r.from.Publish("clawdbot.main."+subj, body); err != nil {
				r.b.Fatal(err)
			}
		}
		sent += batch
		<-got
	}
	return float64(sent) / (cpuTime(r.b) - used).Seconds()
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// requests asks one after the other, and returns answers a second.
func (r *recorderRig) requests() float64 {
	body := fmt.Appendf(nil, `{"text":"%0117d"}`, 0)
	began, used, n := time.Now(), cpuTime(r.b), 0
	for ; time.Since(began) < recorderRound; n++ {
		if _, err := r.from.Request("clawdbot.main.rpc.bench", body, patience); err != nil {
			r.b.Fatal(err)
		}
	}
	return float64(n) / (cpuTime(r.b) - used).Seconds()
}
