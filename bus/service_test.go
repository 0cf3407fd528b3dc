package bus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/msg"
)

const rpcX = "clawdbot.main.rpc.x"

// callX serves rpc.x with handle and calls it.
func callX(t *testing.T, handle bus.Handler, in, out any) error {
	t.Helper()
	b := bustest.Start(t, "main")
	serve(t, b.Conn(t), "core", rpcX, handle)
	return bus.Call(within(t, patience), b.Conn(t), rpcX, in, out)
}

func TestCallCarriesJSONBothWays(t *testing.T) {
	echo := func(_ context.Context, r *bus.Request) (any, error) {
		var in msg.In
		if err := r.Decode(&in); err != nil {
			return nil, err
		}
		in.Text += " from " + r.Subject
		return in, nil
	}
	var out msg.In
	if err := callX(t, echo, msg.In{ID: "1", Text: "größe"}, &out); err != nil || out.Text != "größe from "+rpcX || out.ID != "1" {
		t.Errorf("%+v, %v", out, err)
	}
	if err := callX(t, echo, nil, nil); err != nil {
		t.Errorf("nothing in, nothing out: %v", err)
	}
}

// TestRawInline has an answer that is JSON already, from where the request arrived.
func TestRawInline(t *testing.T) {
	b := bustest.Start(t, "main")
	svc, err := bus.Serve(bus.ServiceConfig{Name: "core", Version: "0.1.0", Profile: "main", Conn: b.Conn(t), Endpoints: []bus.Endpoint{{
		Name: "x", Subject: rpcX, Inline: true, Handle: func(_ context.Context, r *bus.Request) (any, error) {
			if len(r.Data) > 0 {
				return nil, bus.Errorf(bus.CodeInvalidRequest, "takes nothing")
			}
			return bus.Raw(`{ "n" : 1 }`), nil
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	nc := b.Conn(t)
	if got, err := bus.CallRaw(within(t, patience), nc, rpcX, nil); err != nil || string(got) != `{ "n" : 1 }` {
		t.Errorf("got %s, %v", got, err)
	}
	var refused *bus.Error
	if _, err := bus.CallRaw(within(t, patience), nc, rpcX, []byte("1")); !errors.As(err, &refused) || refused.Message != "takes nothing" {
		t.Errorf("got %v", err)
	}
	if err := svc.Stop(); err != nil {
		t.Error(err)
	}
}

func TestErrorsComeBackAsTheyWere(t *testing.T) {
	full := &bus.Error{Code: bus.CodeNotPaired, Message: "pairing required:\nsee details", Details: map[string]any{"requestId": "r1"}, Retryable: true, RetryAfterMs: 250}
	for name, c := range map[string]struct {
		err  error
		want bus.Error
	}{
		"with everything":       {full, *full},
		"wrapped":               {fmt.Errorf("pair: %w", full), *full},
		"plain":                 {errors.New("disk full"), bus.Error{Code: bus.CodeUnavailable, Message: "disk full"}},
		"without a text":        {errors.New(""), bus.Error{Code: bus.CodeUnavailable, Message: bus.CodeUnavailable}},
		"without code and text": {&bus.Error{}, bus.Error{Code: bus.CodeUnavailable, Message: bus.CodeUnavailable}},
		"details that are no JSON": {
			&bus.Error{Code: bus.CodeUnavailable, Message: "x", Details: map[string]any{"f": func() {}}},
			bus.Error{Code: bus.CodeUnavailable, Message: "x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := callX(t, func(context.Context, *bus.Request) (any, error) { return "dropped", c.err }, nil, nil)
			var got *bus.Error
			if !errors.As(err, &got) || !reflect.DeepEqual(*got, c.want) {
				t.Errorf("got %+v", err)
			}
		})
	}
}

func TestErrorOfAForeignService(t *testing.T) {
	b := bustest.Start(t, "main")
	for _, data := range []string{"", "no JSON", `{"code":5}`, `{"code":"OTHER","message":"no"}`} {
		sub, err := b.Conn(t).Subscribe(rpcX, func(m *nats.Msg) {
			reply := nats.NewMsg(m.Reply)
			reply.Header.Set(micro.ErrorCodeHeader, "500")
			reply.Header.Set(micro.ErrorHeader, "broken")
			reply.Data = []byte(data)
			_ = m.RespondMsg(reply)
		})
		if err != nil {
			t.Fatal(err)
		}
		var got *bus.Error
		eventually(t, "it answers", func() bool {
			return errors.As(bus.Call(within(t, patience), b.Conn(t), rpcX, nil, nil), &got) && got.Code != bus.CodeUnavailable
		})
		if got.Code != "500" || got.Message != "broken" {
			t.Errorf("%s: %+v", data, got)
		}
		_ = sub.Unsubscribe()
	}
}

func TestRepliesThatCannotBeSent(t *testing.T) {
	for want, reply := range map[string]any{
		"unsupported type: func()":   func() {},
		"more than the 1048576 that": strings.Repeat("x", 1<<20),
	} {
		err := callX(t, answer(reply), nil, nil)
		var got *bus.Error
		if !errors.As(err, &got) || got.Code != bus.CodeUnavailable || !strings.Contains(got.Message, want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestDecodeNamesThePlace(t *testing.T) {
	for in, want := range map[string]string{
		`{"text":5}`: "text: must be a string, not number", `[]`: "the request: must be an object, not array",
		`"x"`: "the request: must be an object, not string", `{"text":`: "not JSON: unexpected end of JSON input",
		`{"seq":-1}`: "seq: must be a whole number, not number -1", `{"ok":1}`: "ok: must be true or false, not number",
		`{"list":{}}`: "list: must be an array, not object", `{"ratio":"1"}`: "ratio: must be a number, not string",
		`{"in":{"text":5}}`: "in.text: must be a string, not number",
	} {
		var v struct {
			Text  string   `json:"text"`
			Seq   uint64   `json:"seq"`
			OK    bool     `json:"ok"`
			List  []string `json:"list"`
			Ratio float64  `json:"ratio"`
			In    msg.In   `json:"in"`
		}
		err := (&bus.Request{Data: []byte(in)}).Decode(&v)
		var got *bus.Error
		if !errors.As(err, &got) || got.Code != bus.CodeInvalidRequest || got.Message != want {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
	}
}

func TestCallOfWhatNobodyServes(t *testing.T) {
	b := bustest.Start(t, "main")
	var got *bus.Error
	err := bus.Call(within(t, patience), b.Conn(t), rpcX, nil, nil)
	if !errors.As(err, &got) || got.Code != bus.CodeUnavailable || !got.Retryable || got.Message != "nobody serves "+rpcX {
		t.Errorf("got %+v", err)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	b := bustest.Start(t, "main")
	listen(t, b.Conn(t), rpcX) // takes the request and never answers
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := bus.Call(ctx, b.Conn(t), rpcX, nil, nil); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), rpcX) {
		t.Errorf("got %v", err)
	}
}

func TestReplyOfAnotherShape(t *testing.T) {
	var n int
	if err := callX(t, answer("text"), nil, &n); err == nil || !strings.Contains(err.Error(), "reply of "+rpcX) {
		t.Errorf("got %v", err)
	}
	if err := callX(t, answer(1), func() {}, nil); err == nil || !strings.Contains(err.Error(), "request "+rpcX) {
		t.Errorf("got %v", err)
	}
}

// The slow one is answered only after the quick one was.
func TestSlowHandlerDoesNotHoldUpAQuickOne(t *testing.T) {
	b := bustest.Start(t, "main")
	quick := make(chan struct{})
	serve(t, b.Conn(t), "core", rpcX, func(ctx context.Context, r *bus.Request) (any, error) {
		if string(r.Data) == `"slow"` {
			<-quick
		}
		return nil, nil
	})
	nc := b.Conn(t)
	slow := make(chan error, 1)
	go func() { slow <- bus.Call(within(t, patience), nc, rpcX, "slow", nil) }()
	if err := bus.Call(within(t, patience), nc, rpcX, "quick", nil); err != nil {
		t.Error(err)
	}
	close(quick)
	if err := <-slow; err != nil {
		t.Error(err)
	}
}

// hold serves rpc.x with handlers that wait for their context, sends it n
// requests and returns when they run; ended counts those that no longer do.
func hold(t *testing.T, b *bustest.Bus, n int) (s *bus.Service, replies *nats.Subscription, ended *atomic.Int64) {
	t.Helper()
	ended = new(atomic.Int64)
	var running sync.WaitGroup
	running.Add(n)
	s = serve(t, b.Conn(t), "core", rpcX, func(ctx context.Context, _ *bus.Request) (any, error) {
		running.Done()
		<-ctx.Done()
		time.Sleep(time.Millisecond) // it tidies up
		ended.Add(1)
		return nil, bus.Errorf(bus.CodeUnavailable, "stopped")
	})
	nc := b.Conn(t)
	inbox := nc.NewRespInbox()
	replies = listen(t, nc, inbox)
	for range n {
		if err := nc.PublishRequest(rpcX, inbox, nil); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, nc)
	running.Wait()
	return s, replies, ended
}

func TestTooManyRequestsInFlight(t *testing.T) {
	b := bustest.Start(t, "main")
	hold(t, b, bus.MaxInFlight)
	var got *bus.Error
	err := bus.Call(within(t, patience), b.Conn(t), rpcX, nil, nil)
	if !errors.As(err, &got) || got.Code != bus.CodeUnavailable || !got.Retryable || got.RetryAfterMs <= 0 || got.Message != "too many requests in flight" {
		t.Errorf("got %+v", err)
	}
}

func TestStopEndsAndWaitsForHandlers(t *testing.T) {
	b := bustest.Start(t, "main")
	s, replies, ended := hold(t, b, 3)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := ended.Load(); n != 3 {
		t.Errorf("%d of 3 handlers had ended", n)
	}
	for range 3 {
		var got bus.Error
		if err := json.Unmarshal(next(t, replies).Data, &got); err != nil || got.Message != "stopped" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if err := bus.Call(within(t, patience), b.Conn(t), rpcX, nil, nil); err == nil {
		t.Error("it still answers")
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stopped again: %v", err)
	}
}

// Requests that come while the service stops are answered or find nobody, and
// none is left to its time-out.
func TestStopUnderLoad(t *testing.T) {
	b := bustest.Start(t, "main")
	for range 20 {
		s := serve(t, b.Conn(t), "core", rpcX, answer("ok"))
		var callers sync.WaitGroup
		for range 4 {
			nc := b.Conn(t)
			callers.Go(func() {
				for {
					var got *bus.Error
					err := bus.Call(within(t, patience), nc, rpcX, nil, nil)
					if errors.As(err, &got) && got.Retryable {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		callers.Wait()
	}
}

func TestServeRefusesABadService(t *testing.T) {
	nc := bustest.Start(t, "main").Conn(t)
	for want, cfg := range map[string]bus.ServiceConfig{
		"bus service a b":          {Name: "a b", Version: "1.0.0", Conn: nc},
		"bus service core":         {Name: "core", Version: "new", Conn: nc},
		"core: endpoint one two":   {Name: "core", Version: "1.0.0", Conn: nc, Endpoints: []bus.Endpoint{{Name: "one two", Subject: rpcX}}},
		"bus service core: endpoi": {Name: "core", Version: "1.0.0", Conn: nc, Endpoints: []bus.Endpoint{{Name: "one", Subject: "a..b"}}},
	} {
		if _, err := bus.Serve(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestHealthIsPublishedOnEachChange(t *testing.T) {
	b := bustest.Start(t, "main")
	nc := b.Conn(t)
	heard := listen(t, nc, b.Subjects.Healths())
	h, err := bus.NewHealth(nc, b.Subjects, "browser")
	if err != nil {
		t.Fatal(err)
	}
	h.Set(msg.StateOK, "")
	h.Set(msg.StateOK, "")
	h.Set(msg.StateDegraded, "no display")
	for _, want := range []msg.Component{{Name: "browser", State: msg.StateOK}, {Name: "browser", State: msg.StateDegraded, Detail: "no display"}} {
		m := next(t, heard)
		var got msg.Component
		if err := json.Unmarshal(m.Data, &got); err != nil || got != want || m.Subject != "clawdbot.main.health.browser" {
			t.Errorf("%s: %+v, %v", m.Subject, got, err)
		}
	}
	if _, err := bus.NewHealth(nc, b.Subjects, "a.b"); err == nil {
		t.Error("a.b is no component")
	}
}
