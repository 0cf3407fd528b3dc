package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"crypto/tls"

	"clawdbot/profile"
	"clawdbot/profile/cert"
)

// secretOf is the token of a profile's gateway.
func secretOf(t *testing.T, p profile.Profile) string {
	t.Helper()
	body, err := os.ReadFile(p.TokenFile())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// veiled serves TLS before a port of this host, and returns its address and the
// fingerprint of its certificate.
func veiled(t *testing.T, port int) (url, fingerprint string) {
	t.Helper()
	server, fingerprint, err := cert.Load(cert.Config{Dir: t.TempDir(), Generate: true})
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { join(c, port) })
		}
	})
	t.Cleanup(func() { l.Close(); conns.Wait() })
	return "wss://" + l.Addr().String(), fingerprint
}

// join carries bytes between a connection and a port until either ends.
func join(c net.Conn, port int) {
	defer c.Close()
	d, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { _, _ = io.Copy(c, d); c.Close() })
	_, _ = io.Copy(d, c)
	d.Close()
	back.Wait()
}

func TestReachByURL(t *testing.T) {
	h := newHome(t)
	main := h.setup("main", h.base)
	h.setup("rescue", h.base+200)
	h.gateway(main, 0)
	url := fmt.Sprintf("ws://127.0.0.1:%d", h.base)
	token := secretOf(t, main)

	h.run("health", "--url", url).wants(3, "", "no token is known for the gateway at "+url)
	h.run("health", "--url", url, "--token", token).wants(0, "main is ok", "")
	h.run("status", "--url", url, "--token", token).wants(0, url, "")
	h.run("--profile", "main", "health", "--url", url).wants(0, "main is ok", "") // it is that profile's own, so its token is known
	h.run("--profile", "rescue", "health", "--url", url, "--token", token).wants(3, "", `is profile "main", not "rescue"`)
	h.run("health", "--url", url, "--token", "wrong-wrong-wrong").wants(3, "", "not the credential of the gateway at "+url+": ")
	h.vars["CLAWDBOT_GATEWAY_TOKEN"] = token
	h.run("health", "--url", url).wants(0, "main is ok", "")
	h.run("--profile", "rescue", "health", "--url", url).wants(3, "", "no token is known for") // with --profile the environment speaks of another
	delete(h.vars, "CLAWDBOT_GATEWAY_TOKEN")
	h.run("--profile", "main", "health", "--token", "wrong-wrong-wrong").wants(3, "", "what --token or --password says is not the credential of the gateway of profile main")
	h.run("--profile", "main", "health", "--token", token).wants(0, "main is ok", "")
	h.run("--profile", "rescue", "health", "--url", url).wants(3, "", "try: export CLAWDBOT_PROFILE=rescue CLAWDBOT_GATEWAY_TOKEN=<its token>, in place of --profile\n")

	for _, c := range []struct{ url, says string }{
		{"127.0.0.1:18789", "is no address of a gateway: write it like wss://host:18789"},
		{"http://127.0.0.1", "is no address of a gateway"},
		{"ws://", "is no address of a gateway"},
		{"ws://host/?token=geheim", "set CLAWDBOT_GATEWAY_TOKEN"},
		{"ws://:geheim@host", "set CLAWDBOT_GATEWAY_TOKEN"},
		{"http://:geheim@host", "is no address of a gateway"},
		{"ws://host/#token=geheim", "set CLAWDBOT_GATEWAY_TOKEN"},
	} {
		for _, command := range []string{"health", "status", "logs", "gateway probe", "system presence", "dashboard"} {
			r := h.run(append(strings.Fields(command), "--url", c.url)...)
			want := 2
			if command == "gateway probe" {
				want = 3 // it tells of every way
			}
			if r.wants(want, "", c.says); strings.Contains(r.err+r.out, "geheim") {
				t.Errorf("%s: the secret of an address is told: %s", command, r.err)
			}
		}
	}
	h.run("health", "--url", "ws://192.0.2.7:18789", "--token", token).
		wants(2, "", "is not encrypted, so others could read the token").wants(2, "", "try: ssh -N -L 18789:127.0.0.1:18789 192.0.2.7\n")
	h.run("health", "--url", url, "--token", token, "--tls-fingerprint", "zz").wants(2, "", "--tls-fingerprint: not a SHA-256 fingerprint")
	h.run("health", "--url", url, "--token", token, "--tls-fingerprint", strings.Repeat("0a", 32)).wants(3, "", "use wss://")
	h.run("health", "--url", "ws://127.0.0.1:1", "--json").wants(3, `"error": "gateway is not reachable at ws://127.0.0.1:1`, "")
	h.run("health", "--timeout", "soon").wants(2, "", "is no time to wait")
	h.run("health", "--url", silent(t), "--timeout", "100").wants(3, "", "no answer in time")
}

// TestReachLockedOut presents wrong tokens until the gateway wants no more of them.
func TestReachLockedOut(t *testing.T) {
	h := newHome(t)
	main := h.setup("main", h.base)
	h.gateway(main, 0)
	on := func(token string) result {
		return h.run("health", "--url", fmt.Sprintf("ws://127.0.0.1:%d", h.base), "--token", token)
	}
	last := on("wrong-wrong-wrong")
	for range 50 {
		if last.code != 3 {
			break
		}
		last = on("wrong-wrong-wrong")
	}
	last.wants(75, "", "clawdbot: ")
	on(secretOf(t, main)).wants(0, "main is ok", "") // who has the token is not locked out with the others
}

// silent is a port that takes connections and never answers.
func silent(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, no program answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "ws://" + l.Addr().String()
}

func TestReachByTLS(t *testing.T) {
	h := newHome(t)
	main := h.setup("main", h.base)
	h.gateway(main, 0)
	url, pin := veiled(t, h.base)
	token := secretOf(t, main)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"health", "--url", url, "--token", token}, args...)...)
	}
	on().wants(3, "", "certificate is not trusted: ").wants(3, "", "its fingerprint is "+pin)
	on("--tls-fingerprint", strings.ToUpper(pin)).wants(0, "main is ok", "")
	wrong := on("--tls-fingerprint", strings.Repeat("0a", 32)).wants(3, "", "certificate is not trusted: the certificate is not the pinned one: it has the fingerprint "+pin)
	if strings.Count(wrong.err, "\n") != 1 || strings.Contains(wrong.err, token) {
		t.Errorf("not one clear sentence: %s", wrong.err)
	}
}

// TestOwnTLS talks to a gateway that speaks TLS with a certificate of its own,
// which every command on this host knows.
func TestOwnTLS(t *testing.T) {
	h := newHome(t)
	main := h.setup("main", h.base)
	h.run("--profile", "main", "config", "set", "gateway.tls.enabled", "true").wants(0, "", "")
	h.gateway(main, 0)
	url := fmt.Sprintf("wss://127.0.0.1:%d", h.base)
	h.run("--profile", "main", "health").wants(0, "main is ok", "")
	h.run("--profile", "main", "status").wants(0, url, "")
	h.run("--profile", "main", "gateway", "probe").wants(0, url, "")
	h.run("--profile", "main", "logs").wants(0, "ready", "")
	h.run("--profile", "main", "dashboard", "--no-open").wants(0, strings.Replace(url, "wss", "https", 1)+"/\n", "")
	h.run("profiles").wants(0, "main     ok", "")
	h.run("--profile", "main", "health", "--url", url).wants(0, "main is ok", "") // it is known as one's own
	h.run("--profile", "main", "health", "--url", strings.Replace(url, "wss", "ws", 1)).wants(3, "", "not reachable")
}

func TestRemoteMode(t *testing.T) {
	h := newHome(t)
	main := h.setup("main", h.base)
	h.gateway(main, 0)
	url, pin := veiled(t, h.base)
	away := h.setup("away", h.base+200)
	config := func(remote string) {
		t.Helper()
		text := fmt.Sprintf("{gateway: {mode: 'remote', remote: %s}}", remote)
		if err := os.WriteFile(away.ConfigPath, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "away"}, args...)...)
	}
	config(fmt.Sprintf("{url: %q, token: %q, tlsFingerprint: %q}", url, secretOf(t, main), pin))
	for _, command := range []string{"health", "status", "system presence", "gateway call health", "gateway methods", "gateway probe", "logs -n 1", "component", "dashboard --no-open"} {
		on(strings.Fields(command)...).wants(0, "", "")
	}
	on("health").wants(0, "main is ok", "") // whose gateway it is, is told
	on("dashboard", "--no-open").wants(0, strings.Replace(url, "wss", "https", 1)+"/\n", "")
	var r statusReport
	on("status", "--json").wants(0, "", "").into(&r)
	if r.Profile != "main" || r.Gateway.URL != url || r.StateDir != main.StateDir {
		t.Errorf("%+v", r)
	}

	config(fmt.Sprintf("{url: %q, token: 'wrong-wrong-wrong-wrong', tlsFingerprint: %q}", url, pin))
	on("health").wants(3, "", "try: clawdbot --profile away config set gateway.remote.token <its token>\n")
	config(fmt.Sprintf("{url: %q, tlsFingerprint: %q}", url, pin))
	on("health").wants(3, "", "no token is known for the gateway at "+url)
	config(fmt.Sprintf("{url: %q, token: 'a-token-of-some-length', tlsFingerprint: %q}", url, strings.Repeat("0a", 32)))
	on("health").wants(3, "", "certificate is not trusted").wants(3, "", "gateway.remote.tlsFingerprint")
	config(fmt.Sprintf("{url: %q, token: 'a-token-of-some-length', tlsFingerprint: 'zz'}", url))
	on("health").wants(78, "", "gateway.remote.tlsFingerprint: not a SHA-256 fingerprint")
	config("{url: 'ws://192.0.2.7:18789', token: 'a-token-of-some-length'}")
	on("health").wants(78, "", "is not encrypted")
	config("{url: 'ws://192.0.2.7:18789/?token=geheim', token: 'a-token-of-some-length'}")
	on("health").wants(78, "", "gateway.remote.url: ")
	config("{}")
	on("health").wants(78, "", "remote needs gateway.remote.url")
	if err := os.WriteFile(away.ConfigPath, []byte("{gateway: {mode: 'remote', remote: {url: 7}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	on("health").wants(78, "", filepath.Base(away.ConfigPath))
}

func TestPickOne(t *testing.T) {
	list := []named{{"aaa1", "kitchen"}, {"aaa2", "Phone"}, {"b", "aaa1"}}
	for given, want := range map[string]string{"aaa1": "aaa1", "aaa2": "aaa2", "b": "b", "phone": "aaa2", "KITCHEN": "aaa1"} {
		if id, err := pickOne("node", given, list); err != nil || id != want {
			t.Errorf("%s: %s, %v", given, id, err)
		}
	}
	for given, want := range map[string]string{"aa": `2 nodes are called "aa"`, "x": `no node "x"; there are: aaa1, aaa2, b`, "": `no node ""`} {
		if id, err := pickOne("node", given, list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %v", given, id, err)
		}
	}
	if _, err := pickOne("node", "x", nil); err == nil || err.Error() != `no node "x": there is none` {
		t.Error(err)
	}
}
