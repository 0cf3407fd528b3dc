//go:build unix

package gateway_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"clawdbot/bus/msg"
	"clawdbot/gateway"
)

// benchRun is a process of clients.
type benchRun struct {
	b   *testing.B
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// clients starts them and returns when all are connected.
func clients(b *testing.B, order benchOrder) *benchRun {
	b.Helper()
	text, err := json.Marshal(order)
	if err != nil {
		b.Fatal(err)
	}
	r := &benchRun{b: b, cmd: exec.Command(os.Args[0], benchArg, string(text))}
	r.cmd.Stderr = os.Stderr
	r.in, err = r.cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	if err := r.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if line, err := r.out.ReadString('\n'); err != nil || line != "ready\n" {
		b.Fatalf("clients: %q, %v, %v", line, err, r.cmd.Wait())
	}
	return r
}

// result lets the clients begin, or end, and returns what they saw.
func (r *benchRun) result() benchResult {
	r.b.Helper()
	var got benchResult
	if _, err := io.WriteString(r.in, "\n"); err != nil {
		r.b.Fatal(err)
	}
	if err := r.in.Close(); err != nil {
		r.b.Fatal(err)
	}
	if err := json.NewDecoder(r.out).Decode(&got); err != nil {
		r.b.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		r.b.Fatal(err)
	}
	slices.Sort(got.Took)
	return got
}

func (r benchResult) rate() float64 { return float64(len(r.Took)) / r.Seconds }

// at is the quantile q.
func (r benchResult) at(q float64) time.Duration {
	return r.Took[min(len(r.Took)-1, int(q*float64(len(r.Took))))].Round(time.Microsecond)
}

// bareEcho is coder/websocket with nothing behind it.
func bareEcho(b *testing.B) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, body, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, body) != nil {
				return
			}
		}
	}))
	b.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// BenchmarkRequests measures requests of clients in a process beside, against a
// bare WebSocket that echoes: the difference is the bus, twice, and the answer.
func BenchmarkRequests(b *testing.B) {
	f := start(b, gateway.Limits{})
	f.beat(msg.PhaseReady, "")
	echo := bareEcho(b)
	var table strings.Builder
	fmt.Fprintf(&table, "%-34s%12s%12s%12s%14s%14s\n", "", "requests/s", "p50", "p99", "CPU here", "CPU clients")
	for b.Loop() {
		for _, load := range []struct {
			conns, inFlight, requests int
		}{{1, 1, 10_000}, {16, 8, 20_000}} {
			for _, target := range []struct{ addr, method string }{{echo, ""}, {f.addr, "health"}, {f.addr, "system-presence"}} {
				order := benchOrder{Addr: target.addr, Token: token, Method: target.method, Conns: load.conns, InFlight: load.inFlight, Requests: load.requests}
				run := clients(b, order)
				before := cpuTime()
				r := run.result()
				n := time.Duration(len(r.Took))
				name := fmt.Sprintf("%s, %d × %d in flight", orEcho(target.method), load.conns, load.inFlight)
				fmt.Fprintf(&table, "%-34s%12.0f%12v%12v%14v%14v\n", name, r.rate(), r.at(.5), r.at(.99), (cpuTime()-before)/n, r.CPU/n)
				if target.method == "health" {
					b.ReportMetric(r.rate(), fmt.Sprintf("health-%dx%d/s", load.conns, load.inFlight))
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.Log("\n" + table.String())
}

func orEcho(method string) string {
	if method == "" {
		return "bare echo"
	}
	return method
}

// BenchmarkFanOut sends one event at a time to a thousand clients.
func BenchmarkFanOut(b *testing.B) {
	const conns, events = 1000, 30
	f := start(b, gateway.Limits{MaxBuffered: 4 << 20})
	subj := f.must(f.bus.Subjects.Event("bench"))
	for b.Loop() {
		run := clients(b, benchOrder{Addr: f.addr, Token: token, Method: "listen", Conns: conns})
		pad := strings.Repeat("x", 200)
		for range events {
			f.publish(subj, json.RawMessage(fmt.Sprintf(`{"pad":%q,"sentAt":%d}`, pad, time.Now().UnixNano())))
			time.Sleep(100 * time.Millisecond) // one event is measured, not their queue
		}
		r := run.result()
		if len(r.Took) != conns*events {
			b.Fatalf("%d of %d events came", len(r.Took), conns*events)
		}
		b.ReportMetric(float64(r.at(.99).Microseconds())/1000, "p99-ms")
		b.Logf("\n%d clients, one event: p50 %v, p99 %v, slowest %v", conns, r.at(.5), r.at(.99), r.at(1))
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// BenchmarkIdle measures what ten thousand silent clients take, against as many of
// a bare WebSocket.
func BenchmarkIdle(b *testing.B) {
	const conns = 10_000
	f := start(b, gateway.Limits{})
	var table strings.Builder
	for b.Loop() {
		for _, target := range []struct{ addr, method string }{{bareEcho(b), ""}, {f.addr, "listen"}} {
			heap, stack := memory()
			run := clients(b, benchOrder{Addr: target.addr, Token: token, Method: target.method, Conns: conns})
			if target.method != "" {
				eventually(b, "presence has been told", func() bool { return strings.Contains(f.metric("clawdbot_clients"), "10000") })
			}
			heapAfter, stackAfter := memory()
			kib := func(n uint64) float64 { return float64(n) / conns / 1024 }
			fmt.Fprintf(&table, "%-12s%8.1f KiB a client (heap %.1f, stacks %.1f)\n", orEcho(strings.Replace(target.method, "listen", "gateway", 1)),
				kib(heapAfter-heap+stackAfter-stack), kib(heapAfter-heap), kib(stackAfter-stack))
			if target.method != "" {
				b.ReportMetric(kib(heapAfter-heap+stackAfter-stack), "KiB/client")
			}
			_ = run.cmd.Process.Kill()
			_ = run.cmd.Wait()
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.Log("\n" + table.String())
}

// memory is what this process holds in the heap and in stacks.
func memory() (heap, stack uint64) {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse, m.StackInuse
}
