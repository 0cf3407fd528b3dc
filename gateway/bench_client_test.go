//go:build unix

package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// benchArg makes the test binary the clients of a benchmark, in a process of their
// own.
const benchArg = "bench-clients"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == benchArg {
		if err := benchClients(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// benchOrder is what the clients are to do.
type benchOrder struct {
	Addr, Token string
	Method      string // asked for; "" echoes a frame on a bare WebSocket, "listen" takes events
	Conns       int
	InFlight    int
	Requests    int // of each connection; 0 with listen waits for the end of the input
}

// benchResult is what they saw.
type benchResult struct {
	Seconds float64
	Took    []time.Duration // of each request or event
	CPU     time.Duration   // of the clients
}

// benchClients connects, says "ready" in a line, waits for one, does what was
// ordered, and tells the result.
func benchClients(text string) error {
	var order benchOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		return err
	}
	clients := make([]*benchClient, order.Conns)
	gate := make(chan struct{}, 64)
	var wg sync.WaitGroup
	var failed error
	var mu sync.Mutex
	for i := range clients {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			c, err := dialBench(order)
			mu.Lock()
			defer mu.Unlock()
			if clients[i] = c; err != nil {
				failed = fmt.Errorf("client %d: %w", i, err)
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	if order.Method == "listen" {
		return listenBench(clients)
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	start, cpu := time.Now(), cpuTime()
	for _, c := range clients {
		wg.Go(func() { c.err = c.ask(order) })
	}
	wg.Wait()
	r := benchResult{Seconds: time.Since(start).Seconds(), CPU: cpuTime() - cpu}
	for _, c := range clients {
		if c.err != nil {
			return c.err
		}
		r.Took = append(r.Took, c.took...)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// listenBench takes the events named bench, which tell when they were sent, until
// the input ends.
func listenBench(clients []*benchClient) error {
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(c.listen)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	var r benchResult
	for _, c := range clients {
		_ = c.conn.Close()
	}
	wg.Wait()
	for _, c := range clients {
		r.Took = append(r.Took, c.took...)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

type benchClient struct {
	conn net.Conn
	in   *bufio.Reader
	took []time.Duration
	err  error
}

func dialBench(order benchOrder) (*benchClient, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, in, _, err := ws.Dialer{}.Dial(ctx, "ws://"+order.Addr)
	if err != nil {
		return nil, err
	}
	if in == nil {
		in = bufio.NewReaderSize(conn, 4<<10)
	}
	c := &benchClient{conn: conn, in: in}
	if order.Method == "" {
		return c, nil
	}
	connect := fmt.Sprintf(`{"type":"req","id":"hello","method":"connect","params":{"minProtocol":3,"maxProtocol":3,"auth":{"token":%q},`+
		`"client":{"id":"test","version":"dev","platform":"linux","mode":"probe"}}}`, order.Token)
	if _, err := conn.Write(clientFrame(nil, connect)); err != nil {
		return nil, err
	}
	for {
		body, err := c.frame()
		if err != nil {
			return nil, err
		}
		if bytes.Contains(body, []byte(`"hello-ok"`)) {
			return c, nil
		}
		if bytes.HasPrefix(body, []byte(`{"type":"res"`)) {
			return nil, fmt.Errorf("refused: %s", body)
		}
	}
}

// clientFrame appends a masked text frame; the mask is nought, which is the same
// work for the server.
func clientFrame(b []byte, text string) []byte {
	b = append(b, 0x81)
	if len(text) < 126 {
		b = append(b, 0x80|byte(len(text)))
	} else {
		b = append(b, 0x80|126, byte(len(text)>>8), byte(len(text)))
	}
	return append(append(b, 0, 0, 0, 0), text...)
}

// frame reads one frame's payload.
func (c *benchClient) frame() ([]byte, error) {
	h, err := ws.ReadHeader(c.in)
	if err != nil {
		return nil, err
	}
	body := make([]byte, h.Length)
	_, err = io.ReadFull(c.in, body)
	return body, err
}

// answered skips one frame and says whether it was a response.
func (c *benchClient) answered() (bool, error) {
	h, err := ws.ReadHeader(c.in)
	if err != nil {
		return false, err
	}
	const start = `{"type":"res"`
	first, err := c.in.Peek(min(len(start), int(h.Length)))
	if err != nil {
		return false, err
	}
	is := string(first) == start
	_, err = c.in.Discard(int(h.Length))
	return is, err
}

// ask keeps so many requests in flight, and sends what is due in one call.
func (c *benchClient) ask(order benchOrder) error {
	request := fmt.Sprintf(`{"type":"req","id":"1","method":%q,"params":{}}`, order.Method)
	if order.Method == "" {
		request = `{"type":"res","id":"1","method":"echo","params":{}}`
	}
	one := clientFrame(nil, request)
	started := make([]time.Time, 0, order.InFlight)
	sent, due := 0, order.InFlight
	for len(c.took) < order.Requests {
		due = min(due, order.Requests-sent)
		if due > 0 {
			now := time.Now()
			for range due {
				started = append(started, now)
			}
			if _, err := c.conn.Write(bytes.Repeat(one, due)); err != nil {
				return err
			}
			sent, due = sent+due, 0
		}
		for first := true; first || c.in.Buffered() > 0; first = false {
			is, err := c.answered()
			if err != nil {
				return err
			}
			if is {
				c.took = append(c.took, time.Since(started[0]))
				started = append(started[:0], started[1:]...)
				due++
			}
		}
	}
	return nil
}

// listen takes events until the connection ends.
func (c *benchClient) listen() {
	for {
		body, err := c.frame()
		if err != nil {
			return
		}
		_, rest, ok := strings.Cut(string(body), `"sentAt":`)
		if !ok {
			continue
		}
		digits, _, _ := strings.Cut(rest, "}")
		if at, err := strconv.ParseInt(digits, 10, 64); err == nil {
			c.took = append(c.took, time.Since(time.Unix(0, at)))
		}
	}
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
