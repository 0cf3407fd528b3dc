package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"clawdbot/browser/api"
	"clawdbot/profile/ports"
)

// lockedBuffer is what a command prints while it runs.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// serve runs `browser serve` until the test ends or the function that it
// returns is called.
func (h *home) serve(args ...string) (stop func()) {
	h.t.Helper()
	var out, errs lockedBuffer
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	a := &app{Streams: Streams{In: strings.NewReader(""), Out: &out, Err: &errs}, version: testVersion, env: h.env()}
	root := newRoot(a)
	root.SetArgs(args)
	go func() { ended <- a.report(root.ExecuteContext(ctx)) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case code := <-ended:
			if code != 0 {
				h.t.Errorf("%v: exit code %d\n%s", args, code, errs.String())
			}
		case <-time.After(patience):
			h.t.Errorf("%v does not end", args)
		}
	})
	h.t.Cleanup(stop)
	await(h.t, "browser control", func() bool { return strings.Contains(out.String(), "browser control at http://") })
	return stop
}

// TestBrowserServe drives the browser of a server without a gateway, directly
// and through the gateway of another profile, for which it is another host.
func TestBrowserServe(t *testing.T) {
	h := newHome(t)
	const secret = "a-token-of-browser-control"
	far, near := h.setup("far", h.base), h.setup("near", h.base+ports.Step)
	h.run("--profile", "far", "browser", "serve", "--bind", "lan").wants(78, "", "needs a token of its own, 16 characters or more")
	h.run("--profile", "far", "browser", "serve", "--bind", "nowhere").wants(78, "", `--bind "nowhere" must be loopback`)
	h.run("--profile", "far", "browser", "serve", "--port", "65500").wants(78, "", "--port 65500: it must be from 1 to 65427")
	port := h.base + ports.OffsetBrowser
	stop := h.serve("--profile", "far", "browser", "serve", "--bind", "lan", "--token", secret, "--host", "0.0.0.0")
	h.run("--profile", "far", "browser", "serve").wants(75, "", "the gateway of profile far runs, or `browser serve` does")

	config := fmt.Sprintf(`{gateway: {port: %d}, browser: {controlUrl: "http://0.0.0.0:%d", controlToken: %q}}`, h.base+ports.Step, port, secret)
	if err := os.WriteFile(near.ConfigPath, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	h.gateway(near, 0)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "near", "browser"}, args...)...)
	}
	var s api.Status
	on("start").wants(0, "near: browser profile clawd runs.", "")
	on("status", "--json").wants(0, `"gatewayProfile": "near"`, "").into(&s)
	if s.UserDataDir == nil || !strings.HasPrefix(*s.UserDataDir, far.StateDir) {
		t.Errorf("it runs in %v, not in %s", s.UserDataDir, far.StateDir)
	}
	on("stop").wants(0, "stopped", "")
	stop()
	on("tabs").wants(1, "", fmt.Sprintf("browser control at 0.0.0.0:%d: dial tcp", port))
}
