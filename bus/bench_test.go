package bus_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
)

// Size of one measurement.
const (
	benchRounds   = 21
	benchMessages = 50_000
	benchRequests = 2_000
	benchBytes    = 128
)

// benchConf gives the standalone server the user that the bus has, with the same
// rights: what they cost is no difference between the two.
const benchConf = `authorization { users = [ { user: bench, password: bench, permissions: {
	publish: ["clawdbot.main.>"], subscribe: ["_INBOX_bench.>", "clawdbot.main.>", "$SRV.>"], allow_responses: true } } ] }
`

// contestant is one way to reach a NATS server.
type contestant struct {
	name string
	dial func() (*nats.Conn, error)
}

// BenchmarkBus compares the embedded bus with a nats-server built from the same
// module: one publisher and one subscriber, one requester and one responder,
// interleaved rounds, the median of each. Both run in a process of their own and
// are reached over loopback TCP, and the bus once more in process, as the
// components reach it.
func BenchmarkBus(b *testing.B) {
	standalone := contestant{"nats-server, TCP", dialTCP(startNATSServer(b))}
	embedded := contestant{"bus, TCP", dialTCP(startChild(b, "main", "rescue", "").port)}
	inside := contestant{"bus, in process", bustest.Start(b, "main").Dial}
	all := []contestant{standalone, embedded, inside}
	messages, requests := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for range benchRounds {
			for _, c := range all {
				messages[c.name] = append(messages[c.name], pubSub(b, c))
				requests[c.name] = append(requests[c.name], requestReply(b, c))
			}
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	b.ReportMetric(median(messages[embedded.name])/median(messages[standalone.name]), "pub-sub-ratio")
	b.ReportMetric(median(requests[embedded.name])/median(requests[standalone.name]), "request-tcp-ratio")
	b.ReportMetric(median(requests[inside.name])/median(requests[standalone.name]), "request-ratio")
	var table strings.Builder
	fmt.Fprintf(&table, "median of %d rounds, %d-byte messages\n%-18s%14s%8s%14s%8s\n",
		len(messages[embedded.name]), benchBytes, "", "messages/s", "ratio", "requests/s", "ratio")
	for _, c := range all {
		fmt.Fprintf(&table, "%-18s%14.0f%8.2f%14.0f%8.2f\n", c.name,
			median(messages[c.name]), median(messages[c.name])/median(messages[standalone.name]),
			median(requests[c.name]), median(requests[c.name])/median(requests[standalone.name]))
	}
	b.Log(table.String())
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// pubSub returns the messages per second from one publisher to one subscriber.
func pubSub(b *testing.B, c contestant) float64 {
	pub, sub := dialBench(b, c), dialBench(b, c)
	defer pub.Close()
	defer sub.Close()
	done := make(chan struct{})
	got := 0
	s, err := sub.Subscribe("clawdbot.main.event.bench", func(*nats.Msg) {
		if got++; got == benchMessages {
			close(done)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.SetPendingLimits(-1, -1); err != nil {
		b.Fatal(err)
	}
	flush(b, sub)
	body := make([]byte, benchBytes)
	start := time.Now()
	for range benchMessages {
		if err := pub.Publish("clawdbot.main.event.bench", body); err != nil {
			b.Fatal(err)
		}
	}
	flush(b, pub)
	select {
	case <-done:
	case <-time.After(time.Minute):
		b.Fatalf("%s: messages are lost", c.name)
	}
	return benchMessages / time.Since(start).Seconds()
}

// requestReply returns the requests per second of one requester, one after the
// other.
func requestReply(b *testing.B, c contestant) float64 {
	asks, answers := dialBench(b, c), dialBench(b, c)
	defer asks.Close()
	defer answers.Close()
	if _, err := answers.Subscribe("clawdbot.main.rpc.bench", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		b.Fatal(err)
	}
	flush(b, answers)
	body := make([]byte, benchBytes)
	start := time.Now()
	for range benchRequests {
		if _, err := asks.Request("clawdbot.main.rpc.bench", body, patience); err != nil {
			b.Fatalf("%s: %v", c.name, err)
		}
	}
	return benchRequests / time.Since(start).Seconds()
}

func dialBench(b *testing.B, c contestant) *nats.Conn {
	nc, err := c.dial()
	if err != nil {
		b.Fatal(err)
	}
	return nc
}

func dialTCP(port int) func() (*nats.Conn, error) {
	return func() (*nats.Conn, error) {
		return nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", port),
			nats.UserInfo("bench", "bench"), nats.CustomInboxPrefix(bus.InboxPrefix("bench")))
	}
}

// startNATSServer builds the nats-server of our module graph and runs it.
func startNATSServer(b *testing.B) (port int) {
	bin := filepath.Join(b.TempDir(), "nats-server")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/nats-io/nats-server/v2").CombinedOutput(); err != nil {
		b.Fatalf("build nats-server: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // the server tells nobody which port it picks
	if err != nil {
		b.Fatal(err)
	}
	port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	conf := filepath.Join(b.TempDir(), "nats.conf")
	if err := os.WriteFile(conf, []byte(benchConf), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(bin, "--addr", "127.0.0.1", "--port", fmt.Sprint(port), "--config", conf)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(b, "nats-server answers", func() bool {
		nc, err := dialTCP(port)()
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
	return port
}
