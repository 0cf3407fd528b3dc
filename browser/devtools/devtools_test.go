package devtools_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/chromium"
	"clawdbot/browser/devtools"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// attach opens a tab on the blank page and attaches to it.
func attach(t *testing.T, conn *devtools.Conn) *devtools.Session {
	t.Helper()
	made, err := devtools.Call(t.Context(), conn.Root(), target.CreateTarget, target.CreateTargetParams{URL: "about:blank"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A test may have closed it.
		_ = devtools.Do(context.Background(), conn.Root(), target.CloseTarget, target.CloseTargetParams(made))
	})
	s, err := conn.Attach(t.Context(), made.TargetID)
	if err != nil {
		t.Fatal(err)
	}
	if err := devtools.Do(t.Context(), s, page.Enable, page.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if err := devtools.Do(t.Context(), s, cdp.Command[cdp.Empty, cdp.Empty]{Method: "Inspector.enable"}, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	return s
}

// endless starts a call that the page never answers.
func endless(ctx context.Context, s *devtools.Session) <-chan error {
	done := make(chan error, 1)
	yes := true
	wait := devtools.Post(ctx, s, runtime.Evaluate, runtime.EvaluateParams{Expression: "new Promise(() => {})", AwaitPromise: &yes})
	go func() { done <- wait() }()
	return done
}

func within(t *testing.T, done <-chan error, want error) {
	t.Helper()
	select {
	case err := <-done:
		if !errors.Is(err, want) {
			t.Errorf("the call ended with %v, want %v", err, want)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("the call did not end with %v", want)
	}
}

func TestCallsEnd(t *testing.T) {
	conn := browsertest.Conn(t)
	t.Run("with their context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := endless(ctx, attach(t, conn))
		cancel()
		within(t, done, context.Canceled)
	})
	t.Run("with the tab", func(t *testing.T) {
		s := attach(t, conn)
		done := endless(t.Context(), s)
		if err := devtools.Do(t.Context(), s, page.Close, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
		within(t, done, devtools.ErrDetached)
		if err := devtools.Do(t.Context(), s, runtime.Enable, cdp.Empty{}); !errors.Is(err, devtools.ErrDetached) {
			t.Errorf("a call after the end: %v", err)
		}
	})
	t.Run("with a detach", func(t *testing.T) {
		s := attach(t, conn)
		done := endless(t.Context(), s)
		if err := s.Detach(t.Context()); err != nil {
			t.Fatal(err)
		}
		within(t, done, devtools.ErrDetached)
		<-s.Gone()
	})
	t.Run("with a crash", func(t *testing.T) {
		s := attach(t, conn)
		done := endless(t.Context(), s)
		crash := devtools.Post(t.Context(), s, page.Crash, cdp.Empty{})
		within(t, done, devtools.ErrCrashed)
		if err := crash(); !errors.Is(err, devtools.ErrCrashed) {
			t.Errorf("the crash itself: %v", err)
		}
		if err := devtools.Do(t.Context(), s, runtime.Enable, cdp.Empty{}); !errors.Is(err, devtools.ErrCrashed) || !s.Crashed() {
			t.Errorf("a call after the crash: %v", err)
		}
		if err := devtools.Do(t.Context(), s, page.Navigate, page.NavigateParams{URL: "data:text/html,back"}); err != nil {
			t.Fatal(err)
		}
		got, err := devtools.Call(t.Context(), s, runtime.Evaluate, runtime.EvaluateParams{Expression: "1+1"})
		if err != nil || string(got.Result.Value) != "2" {
			t.Errorf("after the navigation: %v, %v", got.Result, err)
		}
	})
	t.Run("with the connection", func(t *testing.T) {
		l := browsertest.Launcher(t, t.TempDir())
		p, err := l.Start(t.Context(), chromium.Place{Folder: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := devtools.Dial(t.Context(), p.WS, slog.New(slog.DiscardHandler))
		if err != nil {
			p.End(0)
			t.Fatal(err)
		}
		done := endless(t.Context(), attach(t, conn))
		p.End(0)
		within(t, done, devtools.ErrLost)
		conn.Close()
		l.Wait()
		if err := devtools.Do(t.Context(), conn.Root(), target.GetTargets, target.GetTargetsParams{}); !errors.Is(err, devtools.ErrLost) {
			t.Errorf("a call after the loss: %v", err)
		}
	})
}

// TestEventsKeepTheirOrder proves that an event which the browser sent before
// an answer is told before that.
func TestEventsKeepTheirOrder(t *testing.T) {
	s := attach(t, browsertest.Conn(t))
	if err := devtools.Do(t.Context(), s, runtime.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	var said []string // written before the answer is delivered, read after
	off := devtools.On(s, runtime.ConsoleAPICalled, func(e runtime.EventConsoleAPICalled) {
		said = append(said, string(e.Args[0].Value))
	})
	if err := devtools.Do(t.Context(), s, runtime.Evaluate, runtime.EvaluateParams{Expression: "for (let i = 0; i < 5; i++) console.log(i)"}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0", "1", "2", "3", "4"}; !slices.Equal(said, want) {
		t.Errorf("events %v, want %v", said, want)
	}
	off()
	if err := devtools.Do(t.Context(), s, runtime.Evaluate, runtime.EvaluateParams{Expression: "console.log(5)"}); err != nil {
		t.Fatal(err)
	}
	if len(said) != 5 {
		t.Errorf("an event came after off: %v", said)
	}
}

func TestAttachToNothing(t *testing.T) {
	if _, err := browsertest.Conn(t).Attach(t.Context(), "0123456789ABCDEF"); !errors.Is(err, devtools.ErrDetached) {
		t.Errorf("a target that is gone: %v", err)
	}
}

func TestDialKeepsSecrets(t *testing.T) {
	ws := &url.URL{Scheme: "ws", User: url.UserPassword("me", "hush-hush"), Host: "127.0.0.1:1", Path: "/", RawQuery: "token=hush-hush"}
	_, err := devtools.Dial(t.Context(), ws, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("nothing listens there")
	}
	if got, want := err.Error(), "CDP at 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused"; got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
}
