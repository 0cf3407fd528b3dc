package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/tape"
)

func TestShowLeavesBodiesOutUnlessAsked(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	r.publish("clawdbot.main.in.cli", `{"text":"dear diary"}`)
	r.publish("clawdbot.main.log.warn", `{"msg":"careful"}`)
	for _, c := range []struct {
		query  msg.RecordQuery
		diary  bool
		want   string
		absent string
	}{
		{msg.RecordQuery{}, false, "careful", ""},
		{msg.RecordQuery{Bodies: true}, true, "careful", ""},
		{msg.RecordQuery{Subject: "in.>", Bodies: true}, true, "dear diary", "careful"},
		{msg.RecordQuery{Subject: "clawdbot.main.log.*"}, false, "careful", "in.cli"},
		{msg.RecordQuery{Subject: "*.cli", Limit: 1}, false, "in.cli", "diary"},
		{msg.RecordQuery{Subject: "log.*", Limit: 1}, false, "careful", "begins"},
		{msg.RecordQuery{LastMs: 60_000}, false, "careful", ""},
	} {
		var got msg.RecordShown
		if err := r.call("record.show", c.query, &got); err != nil {
			t.Fatal(err)
		}
		text := string(must(json.Marshal(got)))
		if strings.Contains(text, "dear diary") != c.diary || !strings.Contains(text, c.want) || c.absent != "" && strings.Contains(text, c.absent) {
			t.Errorf("%+v: %s", c.query, text)
		}
		if got.Truncated != (c.query.Limit == 1) {
			t.Errorf("%+v: truncated %t", c.query, got.Truncated)
		}
	}
	for _, bad := range []msg.RecordQuery{{Subject: "in. x"}, {LastMs: -1}, {Limit: -1}} {
		var refused *bus.Error
		if err := r.call("record.show", bad, nil); !errors.As(err, &refused) || refused.Code != bus.CodeInvalidRequest {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestExportGivesAllInPages(t *testing.T) {
	r := newRig(t)
	r.start(r.config())
	text := strings.Repeat("x", 5<<10)
	const n = 200 // more than one reply takes
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for i := range n {
		<-pace.C // within the credit for messages of that size
		r.publish("clawdbot.main.event.chat", fmt.Sprintf(`{"n":%d,"text":%q}`, i, text))
	}
	var got []int
	pages := 0
	for q := (msg.RecordExport{Subject: "event.chat", Bodies: true}); ; pages++ {
		var page msg.RecordPage
		if err := r.call("record.export", q, &page); err != nil {
			t.Fatal(err)
		}
		if page.Header.Profile != "main" || page.Header.Format != tape.Format || !page.Header.Bodies {
			t.Fatalf("header %+v", page.Header)
		}
		for _, raw := range page.Entries {
			var e tape.Entry
			var body struct{ N int }
			if err := errors.Join(json.Unmarshal(raw, &e), json.Unmarshal(e.Body, &body)); err == nil && e.Gap == "" {
				got = append(got, body.N)
			}
		}
		if page.Next.IsZero() {
			break
		}
		q.After = page.Next
	}
	if pages == 0 || len(got) != n || !slices.IsSorted(got) || slices.Compact(got)[n-1] != n-1 {
		t.Errorf("%d more pages, entries %v", pages, got)
	}
}
