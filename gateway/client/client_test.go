package client_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
	"clawdbot/gateway"
	"clawdbot/gateway/client"
	"clawdbot/gateway/frame"
	"clawdbot/profile/gate"
	"clawdbot/profile/store"
)

const token = "the-token-of-this-test"

// start runs a real gateway of the profile rescue and returns its URL.
func start(t *testing.T) string {
	t.Helper()
	b := bustest.Start(t, "rescue")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := gateway.New(gateway.Config{
		Listener: l, Subjects: b.Subjects, Dial: b.Dial, Gate: g, Version: "1.0.0", Log: slog.New(slog.DiscardHandler),
		Identity: gateway.Identity{Profile: "rescue"}, Store: st, Generation: func() msg.Generation { return msg.Generation{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "ws://" + l.Addr().String()
}

func TestCall(t *testing.T) {
	url := start(t)
	c, err := client.Dial(t.Context(), client.Config{URL: url, Token: token, Profile: "rescue", Mode: "probe"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if h := c.Hello(); h.Server.Profile != "rescue" || h.Server.Version != "1.0.0" {
		t.Errorf("hello %+v", h)
	}
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			var h msg.Health
			if err := c.Call(t.Context(), "health", nil, &h); err != nil || h.Profile != "rescue" {
				t.Errorf("got %+v, %v", h, err)
			}
		})
	}
	calls.Wait()
	var refused *frame.Error
	if err := c.Call(t.Context(), "nosuch", map[string]int{"n": 1}, nil); !errors.As(err, &refused) || refused.Code != frame.CodeInvalidRequest {
		t.Errorf("got %v", err)
	}
	if err := c.Call(t.Context(), "status", nil, nil); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
}

func TestDialSaysWhyNot(t *testing.T) {
	url := start(t)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "ws://" + nobody.Addr().String()
	nobody.Close()
	hung, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, no program answers
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	for _, c := range []struct {
		name string
		cfg  client.Config
		want error
		says string
	}{
		{"nobody listens", client.Config{URL: gone, Token: token}, client.ErrUnreachable, gone + ": connect"},
		{"nobody answers", client.Config{URL: "ws://" + hung.Addr().String(), Token: token}, client.ErrUnreachable, "no answer in time"},
		{"wrong token", client.Config{URL: url, Token: "nope"}, client.ErrUnauthorized, "gateway token mismatch"},
		{"no token", client.Config{URL: url}, client.ErrUnauthorized, "device identity required"},
		{"other profile", client.Config{URL: url, Token: token, Profile: "main"}, client.ErrOtherProfile, `is profile "rescue", not "main"`},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := client.Dial(ctx, c.cfg)
		cancel()
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %v with %q", c.name, err, c.want, c.says)
		}
		if strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q", c.name, err)
		}
	}
	if _, err := client.Dial(t.Context(), client.Config{URL: url, Token: token, ClientID: "curl"}); err == nil ||
		errors.Is(err, client.ErrUnauthorized) || !strings.Contains(err.Error(), "/client/id") {
		t.Errorf("a refusal that is not about the credential: %v", err)
	}
}
