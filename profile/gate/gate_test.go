package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawdbot/profile/gate"
)

const token = "a-right-token"

func newGate(t *testing.T, cfg gate.Config) *gate.Gate {
	t.Helper()
	if cfg.Token == "" && cfg.Password == "" {
		cfg.Token = token
	}
	g, err := gate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func request(host, remote string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host, r.RemoteAddr = host, remote
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestNewRefusesToStandOpen(t *testing.T) {
	if _, err := gate.New(gate.Config{}); !errors.Is(err, gate.ErrNoCredential) {
		t.Fatalf("got %v, want ErrNoCredential", err)
	}
	if _, err := gate.New(gate.Config{Token: token, Origins: []string{"example.org"}}); err == nil {
		t.Fatal("an origin without a scheme was taken")
	}
}

func TestCheckRequest(t *testing.T) {
	g := newGate(t, gate.Config{Hosts: []string{"Box.example"}, Origins: []string{"chrome-extension://abc"}})
	for _, c := range []struct {
		host, origin string
		want         error
	}{
		{"127.0.0.1:18789", "", nil},
		{"127.8.9.1:1", "", nil},
		{"[::1]:18789", "", nil},
		{"localhost:18789", "", nil},
		{"LOCALHOST", "", nil},
		{"box.example:18789", "", nil},
		{"", "", gate.ErrHost},
		{"evil.example:18789", "", gate.ErrHost},
		{"localhost.evil.example", "", gate.ErrHost},
		{"127.0.0.1.evil.example", "", gate.ErrHost},
		{"192.0.2.7:18789", "", gate.ErrHost},
		{"127.0.0.1:18789", "http://127.0.0.1:18789", nil},
		{"127.0.0.1:18789", "http://localhost:18789", nil},
		{"box.example", "https://box.example", nil},
		{"127.0.0.1:18789", "chrome-extension://abc", nil},
		{"127.0.0.1:18789", "chrome-extension://other", gate.ErrOrigin},
		{"127.0.0.1:18789", "null", gate.ErrOrigin},
		{"127.0.0.1:18789", "", nil},
		{"127.0.0.1:18789", "http://evil.example", gate.ErrOrigin},
		{"127.0.0.1:18789", "http://evil.example:18789", gate.ErrOrigin},
		{"127.0.0.1:18789", "http://127.0.0.1:3000", gate.ErrOrigin},
		{"127.0.0.1:18789", "http://localhost.evil.example:18789", gate.ErrOrigin},
		{"127.0.0.1:18789", "file://", gate.ErrOrigin},
		{"evil.example:18789", "http://evil.example:18789", gate.ErrHost},
	} {
		r := request(c.host, "127.0.0.1:4000")
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if err := g.CheckRequest(r); !errors.Is(err, c.want) {
			t.Errorf("host %q origin %q: got %v, want %v", c.host, c.origin, err, c.want)
		}
	}
	two := request("127.0.0.1:1", "127.0.0.1:4000", "Origin", "http://127.0.0.1:1", "Origin", "http://127.0.0.1:1")
	if err := g.CheckRequest(two); !errors.Is(err, gate.ErrOrigin) {
		t.Errorf("two origins: got %v", err)
	}
	empty := request("127.0.0.1:1", "127.0.0.1:4000", "Origin", "")
	if err := g.CheckRequest(empty); !errors.Is(err, gate.ErrOrigin) {
		t.Errorf("empty origin: got %v", err)
	}
}

func TestCheckRequestTakesTheListenersOwnAddress(t *testing.T) {
	g := newGate(t, gate.Config{})
	on := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 18789}
	r := request("192.0.2.7:18789", "192.0.2.9:4000")
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, on))
	if err := g.CheckRequest(r); err != nil {
		t.Fatal(err)
	}
	r.Host = "192.0.2.8:18789"
	if err := g.CheckRequest(r); !errors.Is(err, gate.ErrHost) {
		t.Fatalf("another address: got %v", err)
	}
}

func TestWrap(t *testing.T) {
	g := newGate(t, gate.Config{Token: token, Password: "and a password"})
	srv := httptest.NewServer(g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "in") })))
	defer srv.Close()
	for _, c := range []struct {
		name, path, auth, origin string
		status                   int
		says                     string
	}{
		{"token", "/", "Bearer " + token, "", 200, "in"},
		{"scheme in any case", "/", "bearer " + token, "", 200, "in"},
		{"password", "/", "Bearer and a password", "", 200, "in"},
		{"nothing", "/", "", "", 401, "Authorization: Bearer"},
		{"wrong", "/", "Bearer nope", "", 401, "wrong token"},
		{"other scheme", "/", "Basic " + token, "", 401, "Authorization: Bearer"},
		{"right token in the query", "/?token=" + token, "", "", 401, "URL is not read"},
		{"hostile page with the token", "/", "Bearer " + token, "http://evil.example", 403, "origin not allowed"},
	} {
		r, err := http.NewRequest(http.MethodGet, srv.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.auth != "" {
			r.Header.Set("Authorization", c.auth)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		_, err = body.ReadFrom(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || !strings.Contains(body.String(), c.says) {
			t.Errorf("%s: got %d %s %v, want %d %q", c.name, resp.StatusCode, &body, err, c.status, c.says)
		}
		var answer struct{ Error string }
		if c.status != 200 && (json.Unmarshal(body.Bytes(), &answer) != nil || answer.Error == "") {
			t.Errorf("%s: %s is no JSON error", c.name, &body)
		}
		if strings.Contains(body.String(), token) {
			t.Errorf("%s: the token is in the answer", c.name)
		}
	}
}

func TestLockOutSparesTheOwnerOnLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		g := newGate(t, gate.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		h := g.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		status := func(remote, presented string, header ...string) (int, string) {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request("localhost", remote, append(header, "Authorization", "Bearer "+presented)...))
			return w.Code, w.Header().Get("Retry-After")
		}
		lock := func(remote string, header ...string) {
			t.Helper()
			for i := range 10 {
				if code, _ := status(remote, fmt.Sprint("guess", i), header...); code != 401 {
					t.Fatalf("%s: wrong token %d got %d", remote, i, code)
				}
			}
			time.Sleep(20 * time.Second) // the bubble's clock: no time passes
			if code, retry := status(remote, "guess", header...); code != 429 || retry != "40" {
				t.Fatalf("%s: after ten wrong ones got %d, Retry-After %q", remote, code, retry)
			}
		}
		lock("127.0.0.1:4000")
		if code, _ := status("127.0.0.1:4001", token); code != 200 {
			t.Fatalf("the owner got %d on loopback", code)
		}
		lock("192.0.2.7:4000")
		if code, _ := status("192.0.2.7:4001", token); code != 429 {
			t.Fatalf("a locked stranger with the right token got %d", code)
		}
		if code, _ := status("192.0.2.8:4000", token); code != 200 {
			t.Fatalf("another address got %d", code)
		}
		lock("[2001:db8::1]:4000")
		if code, _ := status("[2001:db8::2]:4000", token); code != 429 {
			t.Fatalf("a neighbour in the same /64 got %d", code)
		}
		lock("127.0.0.1:4000", "X-Forwarded-For", "192.0.2.9")
		if code, _ := status("127.0.0.1:4000", token, "X-Forwarded-For", "192.0.2.9"); code != 429 {
			t.Fatalf("a locked proxy got %d", code)
		}
		time.Sleep(41 * time.Second)
		if code, _ := status("127.0.0.1:4000", token, "X-Forwarded-For", "192.0.2.9"); code != 200 {
			t.Fatalf("after the minute got %d", code)
		}
		if n := strings.Count(log.String(), "locked a client"); n != 4 || strings.Contains(log.String(), "guess") {
			t.Fatalf("log has %d lock-outs or a credential:\n%s", n, &log)
		}
	})
}

func TestLocksGrowAndAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t, gate.Config{})
		wrong := func() time.Duration {
			err := g.Authorize(request("localhost", "192.0.2.7:4000"), "guess")
			var locked *gate.LockedError
			if errors.As(err, &locked) {
				return locked.RetryAfter
			}
			if !errors.Is(err, gate.ErrCredential) {
				t.Fatalf("got %v", err)
			}
			return 0
		}
		for range 9 {
			wrong()
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 32} {
			if wait := wrong(); wait != 0 {
				t.Fatalf("was locked already, for %v", wait)
			}
			for range 1000 { // tell nothing, and do not count
				if wait := wrong(); wait != want*time.Minute {
					t.Fatalf("locked for %v, want %v min", wait, int(want))
				}
			}
			if err := g.Authorize(request("localhost", "192.0.2.7:4000"), token); err == nil {
				t.Fatal("a locked client was let in from elsewhere")
			}
			time.Sleep(want * time.Minute)
		}
		if err := g.Authorize(request("localhost", "192.0.2.7:4000"), token); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		for range 10 {
			wrong()
		}
		if wait := wrong(); wait != time.Minute {
			t.Fatalf("after an hour of quiet locked for %v", wait)
		}
	})
}

func TestTrustedProxies(t *testing.T) {
	for _, bad := range []string{"", "proxy.example", "192.0.2.0/33"} {
		if _, err := gate.New(gate.Config{Token: token, TrustedProxies: []string{bad}}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	g := newGate(t, gate.Config{TrustedProxies: []string{"127.0.0.1", "10.0.0.0/8"}})
	for _, c := range []struct {
		remote string
		header []string
		ip     string
	}{
		{"192.0.2.1:9", nil, "192.0.2.1"},
		{"192.0.2.1:9", []string{"X-Forwarded-For", "203.0.113.5"}, "192.0.2.1"}, // nobody trusts it
		{"127.0.0.1:9", []string{"X-Forwarded-For", "203.0.113.5"}, "203.0.113.5"},
		{"127.0.0.1:9", []string{"X-Forwarded-For", "1.1.1.1, 203.0.113.5, 10.1.2.3"}, "203.0.113.5"},
		{"127.0.0.1:9", []string{"X-Forwarded-For", "1.1.1.1", "X-Forwarded-For", "203.0.113.5"}, "203.0.113.5"},
		{"127.0.0.1:9", []string{"X-Forwarded-For", "203.0.113.5, rubbish"}, "127.0.0.1"},
		{"127.0.0.1:9", []string{"X-Forwarded-For", "10.1.2.3"}, "127.0.0.1"},
		{"127.0.0.1:9", []string{"X-Real-IP", "2001:db8::5"}, "2001:db8::5"},
		{"[::ffff:127.0.0.1]:9", []string{"X-Real-IP", "203.0.113.5"}, "203.0.113.5"},
		{"127.0.0.1:9", []string{"Forwarded", "for=203.0.113.5"}, "127.0.0.1"},
		{"pipe", nil, ""},
	} {
		r := request("localhost", c.remote, c.header...)
		if ip := g.RemoteIP(r); ip != c.ip {
			t.Errorf("%s %v: got %q, want %q", c.remote, c.header, ip, c.ip)
		}
		if local := gate.Local(r); local {
			t.Errorf("%s %v is local", c.remote, c.header)
		}
	}
	if !gate.Local(request("localhost", "127.0.0.1:9")) {
		t.Error("a program of this host is not local")
	}
	behind := func(client string) *http.Request {
		return request("localhost", "127.0.0.1:9", "X-Forwarded-For", client)
	}
	for range 10 {
		if err := g.Authorize(behind("203.0.113.5"), "guess"); !errors.Is(err, gate.ErrCredential) {
			t.Fatal(err)
		}
	}
	if err := g.Authorize(behind("203.0.113.5"), token); err == nil {
		t.Error("who guessed behind the proxy is not locked")
	}
	if err := g.Authorize(behind("203.0.113.6"), token); err != nil {
		t.Errorf("another client of the proxy is locked: %v", err)
	}
	if err := g.Authorize(behind("127.0.0.1"), "guess"); !errors.Is(err, gate.ErrCredential) {
		t.Error(err)
	}
}

func TestWrapAs(t *testing.T) {
	g := newGate(t, gate.Config{})
	h := g.WrapAs(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(err error) any {
		return map[string]any{"error": map[string]string{"message": err.Error()}}
	})
	for _, c := range []struct {
		host, header, value string
		status              int
	}{
		{"localhost", "Authorization", "Bearer " + token, 200},
		{"localhost", "Authorization", "Bearer nope", 401},
		{"evil.example", "Authorization", "Bearer " + token, 403},
		{"localhost", "Origin", "http://evil.example", 403},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, request(c.host, "192.0.2.1:4000", c.header, c.value))
		if w.Code != c.status || (c.status != 200) != strings.HasPrefix(w.Body.String(), `{"error":{"message":`) {
			t.Errorf("%s %s: got %d %s", c.host, c.value, w.Code, w.Body)
		}
	}
}

func TestStrangersTakeBoundedMemory(t *testing.T) {
	g := newGate(t, gate.Config{})
	for i := range 5000 {
		r := request("localhost", fmt.Sprintf("10.1.%d.%d:1", i>>8, i&255))
		if err := g.Authorize(r, "wrong"); err == nil {
			t.Fatal("a wrong token passed")
		}
	}
	var locked *gate.LockedError
	if err := g.Authorize(request("localhost", "10.9.9.9:1"), "wrong"); !errors.As(err, &locked) {
		t.Fatalf("past the bound strangers count as one: got %v", err)
	}
	if err := g.Authorize(request("localhost", "10.1.0.1:1"), token); err != nil {
		t.Fatalf("a known client with the right token: %v", err)
	}
}

func TestAnother(t *testing.T) {
	g := newGate(t, gate.Config{Hosts: []string{"gateway.example"}, TrustedProxies: []string{"127.0.0.1"}})
	if _, err := g.Another(""); !errors.Is(err, gate.ErrNoCredential) {
		t.Errorf("without a token: %v", err)
	}
	other, err := g.Another("another-token")
	if err != nil {
		t.Fatal(err)
	}
	if other.Allow(token) || !other.Allow("another-token") || g.Allow("another-token") {
		t.Error("the credentials are not apart")
	}
	r := request("gateway.example", "127.0.0.1:9", "X-Real-IP", "203.0.113.5")
	if err := other.CheckRequest(r); err != nil || other.RemoteIP(r) != "203.0.113.5" {
		t.Errorf("the door is another one: %v, %s", err, other.RemoteIP(r))
	}
	for range 11 {
		_ = other.Authorize(r, "guess")
	}
	if err := g.Authorize(r, token); err != nil {
		t.Errorf("guesses at the other one count: %v", err)
	}
}
