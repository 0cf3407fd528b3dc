package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
)

// since asks events.since as a client with the scopes does.
func (r *rig) since(scopes string, q msg.EventsQuery) (msg.EventsSince, error) {
	r.Helper()
	subj, err := r.bus.Subjects.RPC("events.since")
	if err != nil {
		r.Fatal(err)
	}
	m := nats.NewMsg(subj)
	m.Data = must(json.Marshal(q))
	m.Header.Set(rpc.HeaderRole, "operator")
	m.Header.Set(rpc.HeaderScopes, scopes)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := r.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		r.Fatal(err)
	}
	var got msg.EventsSince
	if code := reply.Header.Get(micro.ErrorCodeHeader); code != "" {
		return got, bus.Errorf(code, "%s", reply.Header.Get(micro.ErrorHeader))
	}
	return got, json.Unmarshal(reply.Data, &got)
}

func (r *rig) mustSince(scopes string, q msg.EventsQuery) msg.EventsSince {
	r.Helper()
	got, err := r.since(scopes, q)
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// told are the events of an answer, as name and payload.
func told(got msg.EventsSince) string {
	var list []string
	for _, e := range got.Events {
		list = append(list, e.Event+string(e.Payload))
	}
	return strings.Join(list, " ")
}

func TestEventsSinceGivesWhatWasMissed(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	begun := r.mustSince(rpc.Read, msg.EventsQuery{})
	if begun.Complete || len(begun.Events) != 0 {
		t.Errorf("before the recording began: %+v", begun)
	}
	r.publish("clawdbot.main.event.chat", `{"n":1}`)
	r.publish("clawdbot.main.event.tick", `{"ts":1}`)
	r.publish("clawdbot.main.log.info", `{"msg":"no event"}`)
	r.publish("clawdbot.main.event.node.pair.requested", `{"n":2}`)
	r.publish("clawdbot.main.event.chat", `{"n":3}`)

	for _, c := range []struct {
		scopes string
		query  msg.EventsQuery
		want   string
	}{
		{rpc.Read, msg.EventsQuery{}, `chat{"n":1} chat{"n":3}`},
		{rpc.Admin, msg.EventsQuery{}, `chat{"n":1} node.pair.requested{"n":2} chat{"n":3}`},
		{rpc.Read + "," + rpc.Pairing, msg.EventsQuery{Names: []string{"node.pair.requested"}}, `node.pair.requested{"n":2}`},
		{rpc.Read, msg.EventsQuery{Names: []string{"tick", "node.pair.requested"}}, `tick{"ts":1}`},
		{"", msg.EventsQuery{}, ``},
	} {
		c.query.Cursor = begun.Cursor
		got := r.mustSince(c.scopes, c.query)
		if told(got) != c.want || !got.Complete || got.More {
			t.Errorf("%q %+v: %+v", c.scopes, c.query, got)
		}
		if again := r.mustSince(c.scopes, msg.EventsQuery{Cursor: got.Cursor, Names: c.query.Names}); len(again.Events) != 0 || !again.Complete {
			t.Errorf("%q after its cursor: %+v", c.scopes, again)
		}
	}

	var pages []string
	for q := (msg.EventsQuery{Cursor: begun.Cursor, Limit: 1}); ; {
		got := r.mustSince(rpc.Admin, q)
		pages = append(pages, told(got))
		if !got.More {
			break
		}
		q.Cursor = got.Cursor
	}
	if want := `chat{"n":1}|node.pair.requested{"n":2}|chat{"n":3}`; strings.Join(pages, "|") != want {
		t.Errorf("pages %v", pages)
	}
	if all := r.mustSince(rpc.Read, msg.EventsQuery{Since: time.Now().Add(time.Hour).UnixMilli()}); len(all.Events) != 0 || !all.Complete {
		t.Errorf("of the future: %+v", all)
	}
}

// TestEventsSinceIsHonest holds what makes an answer incomplete.
func TestEventsSinceIsHonest(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		told    string
	}{
		"a secret in it":     {`{"text":"hunter2-known"}`, `chat{"text":"__REDACTED__"}`},
		"longer than a body": {fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 20<<10)), `chat`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.start(r.config())
			begun := r.mustSince(rpc.Read, msg.EventsQuery{})
			r.publish("clawdbot.main.event.chat", `{"n":1}`)
			first := r.mustSince(rpc.Read, msg.EventsQuery{Cursor: begun.Cursor})
			r.publish("clawdbot.main.event.chat", c.payload)
			got := r.mustSince(rpc.Read, msg.EventsQuery{Cursor: first.Cursor})
			if !first.Complete || got.Complete || told(got) != c.told {
				t.Errorf("got %+v, then %+v", first, got)
			}
			if after := r.mustSince(rpc.Read, msg.EventsQuery{Cursor: got.Cursor}); !after.Complete {
				t.Errorf("after it: %+v", after)
			}
		})
	}
	t.Run("the recorder was away", func(t *testing.T) {
		r := newRig(t)
		stop := r.start(r.config())
		begun := r.mustSince(rpc.Read, msg.EventsQuery{})
		stop()
		r.publish("clawdbot.main.event.chat", `{"n":"lost"}`)
		r.start(r.config())
		r.publish("clawdbot.main.event.chat", `{"n":1}`)
		got := r.mustSince(rpc.Read, msg.EventsQuery{Cursor: begun.Cursor})
		if got.Complete || told(got) != `chat{"n":1}` {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("bad questions", func(t *testing.T) {
		r := newRig(t)
		r.start(r.config())
		for _, q := range []msg.EventsQuery{{Cursor: "x"}, {Cursor: "-1"}, {Limit: -1}, {Limit: maxEvents + 1}, {Since: -1}} {
			var refused *bus.Error
			if _, err := r.since(rpc.Read, q); !errors.As(err, &refused) || refused.Code != bus.CodeInvalidRequest {
				t.Errorf("%+v: %v", q, err)
			}
		}
	})
}
