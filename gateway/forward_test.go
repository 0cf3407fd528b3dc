package gateway_test

import (
	"encoding/json"
	"strings"
	"testing"

	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/gateway"
)

// An event for one client reaches that connection alone, if its scopes allow the
// event; what is none is logged.
func TestEventForOneClient(t *testing.T) {
	f := start(t, gateway.Limits{})
	watcher, hello := f.connect()
	bystander, _ := f.connect()
	reader, readerHello := f.connect(rpc.Read)
	picture := msg.ClientEvent{Event: "browser.frame", Payload: json.RawMessage(`{"targetId":"T1"}`)}
	for _, conn := range []string{hello.Server.ConnID, readerHello.Server.ConnID, "nobody"} {
		f.publish(f.must(f.bus.Subjects.Client(conn)), picture)
	}
	f.publish(f.must(f.bus.Subjects.Client(hello.Server.ConnID)), "no event")
	if got := watcher.event("browser.frame"); string(got.Payload) != string(picture.Payload) || got.Seq == 0 {
		t.Errorf("got %+v", got)
	}
	eventually(t, "a line about what is no event", func() bool { return strings.Contains(f.log.String(), "that is none") })
	for _, c := range []*client{bystander, reader} {
		c.request("after", "health", nil)
		for {
			got := c.read()
			if got.Event == "browser.frame" {
				t.Fatal("a frame went to who must not see it")
			}
			if got.ID == "after" {
				break
			}
		}
	}
}

// A client that does not read does without the events for it alone, and is not
// dropped for them.
func TestCrowdedClientDoesWithout(t *testing.T) {
	f := start(t, gateway.Limits{MaxBuffered: 256 << 10})
	c, hello := f.connect()
	subj := f.must(f.bus.Subjects.Client(hello.Server.ConnID))
	big := msg.ClientEvent{Event: "browser.frame", Payload: json.RawMessage(`{"data":"` + strings.Repeat("A", 100<<10) + `"}`)}
	const sent = 400 // 40 MB, more than the sockets take
	for range sent {
		f.publish(subj, big)
	}
	c.request("after", "health", nil)
	frames := 0
	for {
		got := c.read()
		if got.Event == "browser.frame" {
			frames++
		}
		if got.ID == "after" {
			break
		}
	}
	if frames == 0 || frames == sent {
		t.Errorf("%d of %d frames came", frames, sent)
	}
}
