package bus_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
)

// startWith runs main with debug, ingress and one granted user, who is checked
// as the gateway checks it.
func startWith(t *testing.T, u bus.User) (*bustest.Bus, client) {
	t.Helper()
	b := bustest.Start(t, "main")
	if err := bus.CheckGrant(b.Subjects, u); err != nil {
		t.Fatal(err)
	}
	u.Password = "granted"
	if err := b.Update(bus.Members{Users: append(bustest.Users(b.Subjects), u)}); err != nil {
		t.Fatal(err)
	}
	return b, connect(t, b, u.Name, u.Password)
}

func TestDebugReadsEverythingAndPublishesNothing(t *testing.T) {
	b := bustest.Start(t, "main")
	svc := b.Conn(t)
	debug := connect(t, b, bus.UserDebug, bus.UserDebug)
	seen, all := listen(t, debug.Conn, "clawdbot.main.>"), listen(t, svc, ">")

	publish(t, svc, "clawdbot.main.event.tick")
	if m := next(t, seen); m.Subject != "clawdbot.main.event.tick" {
		t.Fatalf("debug read %s", m.Subject)
	}
	next(t, all)
	for _, subj := range []string{
		"clawdbot.main.event.tick", "clawdbot.main.rpc.config.set", "clawdbot.main.in.telegram",
		"clawdbot.main.rescue.diagnose", "clawdbot.rescue.rescue.diagnose", "clawdbot.main.rpc.rescue.repair", "clawdbot.main.probe.browser",
		"clawdbot.main.health.beat", "clawdbot.rescue.health.beat", "_INBOX_svc.x", "_INBOX_debug.x", "other",
	} {
		publish(t, debug.Conn, subj)
		debug.refused(t, "publish "+subj)
	}
	publish(t, svc, "marker")
	if m := next(t, all); m.Subject != "marker" {
		t.Errorf("%s of debug was delivered", m.Subject)
	}

	listen(t, debug.Conn, "clawdbot.rescue.health.>")
	debug.allowed(t, "read a peer's health")
	for _, subj := range []string{">", "clawdbot.>", "clawdbot.rescue.>", "clawdbot.rescue.rpc.x", "$SYS.>", "_INBOX_svc.>", "_INBOX.>"} {
		listen(t, debug.Conn, subj)
		debug.refused(t, "read "+subj)
	}
}

// One who reads requests could else answer them, or take them away by joining
// the group that serves them.
func TestDebugCannotAnswerOrTakeRequests(t *testing.T) {
	b := bustest.Start(t, "main")
	svc := b.Conn(t)
	debug := connect(t, b, bus.UserDebug, bus.UserDebug)
	seen := listen(t, debug.Conn, "clawdbot.main.rpc.>")
	replies := listen(t, svc, "_INBOX_svc.test")
	if err := svc.PublishRequest("clawdbot.main.rpc.x", "_INBOX_svc.test", nil); err != nil {
		t.Fatal(err)
	}
	if err := next(t, seen).Respond([]byte("forged")); err != nil {
		t.Fatal(err)
	}
	debug.refused(t, "answer a request")
	if n, _, _ := replies.Pending(); n != 0 {
		t.Error("the forged answer arrived")
	}
	if _, err := debug.QueueSubscribeSync("clawdbot.main.rpc.x", micro.DefaultQueueGroup); err != nil {
		t.Fatal(err)
	}
	debug.refused(t, "join a queue group")
}

func TestDebugFindsMicroServices(t *testing.T) {
	b := bustest.Start(t, "main")
	serve(t, b.Conn(t), "agent", "clawdbot.main.rpc.x", answer(1))
	m, err := connect(t, b, bus.UserDebug, bus.UserDebug).Request("$SRV.PING.agent", nil, patience)
	if err != nil || !strings.Contains(string(m.Data), `"name":"agent"`) {
		t.Errorf("%v, %v", m, err)
	}
}

func TestIngressOnlyHandsIn(t *testing.T) {
	b := bustest.Start(t, "main")
	in, _ := b.Subjects.In("telegram")
	serve(t, b.Conn(t), "agent", in, answer("accepted"))
	ingress := connect(t, b, bus.UserIngress, bus.UserIngress)
	if m, err := ingress.Request(in, nil, patience); err != nil || string(m.Data) != `"accepted"` {
		t.Fatalf("%v, %v", m, err)
	}
	ingress.allowed(t, "a message for the agent")
	for _, subj := range []string{"clawdbot.main.rpc.health", "clawdbot.main.in.a.b", "clawdbot.rescue.in.telegram", "$SRV.PING", "_INBOX_svc.x"} {
		publish(t, ingress.Conn, subj)
		ingress.refused(t, "publish "+subj)
	}
	for _, subj := range []string{"clawdbot.main.>", in, "_INBOX_debug.>", "_INBOX_svc.>"} {
		listen(t, ingress.Conn, subj)
		ingress.refused(t, "read "+subj)
	}
}

func TestLoginsThatAreRefused(t *testing.T) {
	b := bustest.Start(t, "main")
	err := b.Update(bus.Members{Users: bustest.Users(b.Subjects), Peers: []bus.Peer{{Bus: "rescue", Secret: "pair"}}})
	if err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("nats://127.0.0.1:%d", b.ClientPort())
	for name, opts := range map[string][]nats.Option{
		"no credentials":          nil,
		"empty credentials":       {nats.UserInfo("", "")},
		"unknown user":            {nats.UserInfo("nobody", "nothing")},
		"wrong password":          {nats.UserInfo(bus.UserDebug, "wrong")},
		"no password":             {nats.UserInfo(bus.UserDebug, "")},
		"a token":                 {nats.Token("debug")},
		"svc, right password":     {nats.UserInfo("svc", b.InProcessPassword("svc"))},
		"sys, right password":     {nats.UserInfo("sys", b.InProcessPassword("sys"))},
		"a peer, right secret":    {nats.UserInfo(bus.LinkUser("main", "rescue"), "pair")},
		"a peer, in place of svc": {nats.UserInfo("svc", "pair")},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := nats.Connect(url, append(opts, nats.NoReconnect())...)
			if err == nil {
				nc.Close()
			}
			if !errors.Is(err, nats.ErrAuthorization) || err.Error() != "nats: Authorization Violation" {
				t.Errorf("got %v", err)
			}
		})
	}
}

// leafLogin says hello on the link port as a leaf and returns the answer.
func leafLogin(t *testing.T, b *bustest.Bus, user, password string) string {
	t.Helper()
	c, err := net.Dial("tcp", b.LinkAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(c, "CONNECT {\"user\":%q,\"pass\":%q,\"server_id\":\"test\",\"name\":\"test\"}\r\nPING\r\n", user, password); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if line := lines.Text(); line == "PONG" || strings.HasPrefix(line, "-ERR") {
			return line
		}
	}
	return fmt.Sprint("closed: ", lines.Err())
}

func TestOnlyPeersLink(t *testing.T) {
	b := bustest.Start(t, "main")
	err := b.Update(bus.Members{
		Users: append(bustest.Users(b.Subjects), bus.User{Name: "crm", Password: "crm", Publish: []string{"clawdbot.main.in.*"}}),
		Peers: []bus.Peer{{Bus: "rescue", Secret: "pair"}, {Bus: "third", Secret: "other"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rescue := bus.LinkUser("main", "rescue")
	if got := leafLogin(t, b, rescue, "pair"); got != "PONG" {
		t.Fatalf("the peer itself: %s", got)
	}
	for user, password := range map[string]string{
		bus.UserDebug: bus.UserDebug, bus.UserIngress: bus.UserIngress, "crm": "crm",
		"svc": b.InProcessPassword("svc"), "sys": b.InProcessPassword("sys"),
		rescue: "other", bus.LinkUser("rescue", "main"): "pair", "": "",
	} {
		if got := leafLogin(t, b, user, password); got != "-ERR 'Authorization Violation'" {
			t.Errorf("%q as a leaf: %s", user, got)
		}
	}
}

func TestGrantedServiceServesAMethod(t *testing.T) {
	b, crm := startWith(t, bus.User{Name: "crm", Subscribe: []string{"clawdbot.main.rpc.crm.*"}})
	serve(t, crm.Conn, "crm", "clawdbot.main.rpc.crm.find", answer("found"))
	crm.allowed(t, "serve a method")
	svc := b.Conn(t)
	for range 3 { // each request may be answered, not only the first
		var got string
		if err := bus.Call(within(t, patience), svc, "clawdbot.main.rpc.crm.find", nil, &got); err != nil || got != "found" {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if _, err := connect(t, b, bus.UserDebug, bus.UserDebug).Request("$SRV.INFO.crm", nil, patience); err != nil {
		t.Errorf("debug does not find it: %v", err)
	}
	crm.allowed(t, "answer")
}

// To the NATS server an empty list of subjects means every subject.
func TestGrantToListenMayNotPublish(t *testing.T) {
	b, crm := startWith(t, bus.User{Name: "crm", Subscribe: []string{"clawdbot.main.event.>"}})
	all := listen(t, b.Conn(t), ">")
	for _, subj := range []string{"clawdbot.main.event.x", "clawdbot.main.rescue.restart", "clawdbot.main.health.beat", "_INBOX_svc.x"} {
		publish(t, crm.Conn, subj)
		crm.refused(t, "publish "+subj)
	}
	if n, _, _ := all.Pending(); n != 0 {
		t.Errorf("%d messages arrived", n)
	}
}

func TestGrantToPublishMayNotListen(t *testing.T) {
	_, crm := startWith(t, bus.User{Name: "crm", Publish: []string{"clawdbot.main.in.crm"}})
	for _, subj := range []string{"clawdbot.main.in.crm", "clawdbot.main.>", "$SRV.PING", "_INBOX_debug.>", "_INBOX_svc.>", "_INBOX.>", "_INBOX_crm2.>"} {
		listen(t, crm.Conn, subj)
		crm.refused(t, "read "+subj)
	}
	listen(t, crm.Conn, "_INBOX_crm.x")
	crm.allowed(t, "read its own inbox")
}

// A service that listens to all of the profile still does not see, and so
// cannot answer, what peers ask of the gateway.
func TestGrantToListenWidelyDoesNotReachPeers(t *testing.T) {
	b, crm := startWith(t, bus.User{Name: "crm", Subscribe: []string{"clawdbot.main.>"}})
	svc := b.Conn(t)
	seen := listen(t, crm.Conn, "clawdbot.main.>")
	if _, err := crm.QueueSubscribeSync("clawdbot.main.health.ping", micro.DefaultQueueGroup); err != nil {
		t.Fatal(err)
	}
	crm.refused(t, "answer pings")
	listen(t, crm.Conn, "clawdbot.main.probe.*")
	crm.refused(t, "answer probes")
	publish(t, svc, b.Subjects.Ping())
	publish(t, svc, "clawdbot.main.probe.browser")
	publish(t, svc, "clawdbot.main.rescue.restart")
	publish(t, svc, b.Subjects.Beat())
	if m := next(t, seen); m.Subject != b.Subjects.Beat() {
		t.Errorf("crm read %s", m.Subject)
	}
}

func TestUsersThatNobodyMayHave(t *testing.T) {
	b := bustest.Start(t, "main")
	for want, m := range map[string]bus.Members{
		"user crm has no password":         {Users: []bus.User{{Name: "crm"}}},
		"not a plain token":                {Users: []bus.User{{Name: "a.>", Password: "x"}}},
		"two users are called svc":         {Users: []bus.User{{Name: "svc", Password: "x"}}},
		"two users are called crm":         {Users: []bus.User{{Name: "crm", Password: "x"}, {Name: "crm", Password: "y"}}},
		"peer rescue has no secret":        {Peers: []bus.Peer{{Bus: "rescue"}}},
		"two gateways are called main":     {Peers: []bus.Peer{{Bus: "main", Secret: "x"}}},
		"two gateways are called rescue":   {Peers: []bus.Peer{{Bus: "rescue", Secret: "x"}, {Bus: "rescue", Secret: "x"}}},
		"peer: subject: not a plain token": {Peers: []bus.Peer{{Bus: "a b", Secret: "x"}}},
	} {
		if err := b.Update(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
