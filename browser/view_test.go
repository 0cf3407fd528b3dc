package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/browser/api"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
)

// watcher is one connection of a client at the gateway.
type watcher struct {
	t    *testing.T
	s    *site
	conn string
	sub  *nats.Subscription
}

func (s *site) watcher(t *testing.T, conn string) *watcher {
	t.Helper()
	subj, err := s.bus.Subjects.Client(conn)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := s.nc.SubscribeSync(subj)
	if err == nil {
		err = s.nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &watcher{t, s, conn, sub}
}

// ask calls a method as the gateway forwards it.
func (w *watcher) ask(method, profile, target string) (watched msg.BrowserWatched, err error) {
	w.t.Helper()
	subj, err := w.s.bus.Subjects.RPC(method)
	if err != nil {
		w.t.Fatal(err)
	}
	m := nats.NewMsg(subj)
	if w.conn != "" {
		m.Header.Set(rpc.HeaderConn, w.conn)
	}
	m.Data = fmt.Appendf(nil, `{"profile":%q,"targetId":%q}`, profile, target)
	reply, err := w.s.nc.RequestMsg(m, 20*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	if said := reply.Header.Get("Nats-Service-Error"); said != "" {
		return watched, errors.New(said)
	}
	return watched, json.Unmarshal(reply.Data, &watched)
}

// frame is the next one.
func (w *watcher) frame() msg.BrowserFrame {
	w.t.Helper()
	m, err := w.sub.NextMsg(20 * time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	var e msg.ClientEvent
	var f msg.BrowserFrame
	if err := errors.Join(json.Unmarshal(m.Data, &e), json.Unmarshal(e.Payload, &f)); err != nil || e.Event != "browser.frame" {
		w.t.Fatalf("%.100s: %v", m.Data, err)
	}
	return f
}

// casting counts the tabs that are cast.
func (s *site) casting() int {
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	return len(s.views.open)
}

func TestWatch(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	var a, b api.Opened
	s.ok(t, "POST", "/tabs/open", `{"url":`+quote(colours)+`}`, &a)
	s.ok(t, "POST", "/tabs/open", `{"url":"about:blank"}`, &b)
	one, two, bystander := s.watcher(t, "one"), s.watcher(t, "two"), s.watcher(t, "three")
	watched, err := one.ask("browser.watch", "", a.TargetID[:8])
	if err != nil || watched.TargetID != a.TargetID || watched.Profile != "clawd" || watched.LeaseMs < 1000 {
		t.Fatalf("%+v, %v", watched, err)
	}
	if f := one.frame(); f.TargetID != a.TargetID || f.Profile != "clawd" || f.ContentType != "image/jpeg" || len(f.Data) == 0 || f.Width == 0 || f.TS == 0 {
		t.Errorf("%+v", f)
	}
	if _, err := two.ask("browser.watch", "clawd", a.TargetID); err != nil {
		t.Fatal(err)
	}
	if f := two.frame(); len(f.Data) == 0 { // the page has not changed since
		t.Errorf("%+v", f)
	}
	if n := s.casting(); n != 1 {
		t.Errorf("%d casts of one tab", n)
	}
	// To watch a tab does not make it the one used last.
	var done api.OnTab
	if s.ok(t, "POST", "/highlight", `{"clear":true}`, &done); done.TargetID != b.TargetID {
		t.Errorf("the tab used last is %s, want %s", done.TargetID, b.TargetID)
	}
	for _, w := range []*watcher{one, two} {
		if _, err := w.ask("browser.unwatch", "", a.TargetID); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the end of the cast", func() bool { return s.casting() == 0 })
	if _, err := one.ask("browser.unwatch", "", a.TargetID); err == nil {
		t.Error("ended twice")
	}
	if n, _, err := bystander.sub.Pending(); n != 0 || err != nil {
		t.Errorf("%d frames went to another connection, %v", n, err)
	}
}

func TestWatchEnds(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	var a, b api.Opened
	s.ok(t, "POST", "/tabs/open", `{"url":`+quote(colours)+`}`, &a)
	s.ok(t, "POST", "/tabs/open", `{"url":"about:blank"}`, &b)
	one, two := s.watcher(t, "one"), s.watcher(t, "two")
	for _, target := range []string{a.TargetID, b.TargetID} {
		if _, err := one.ask("browser.watch", "", target); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := two.ask("browser.watch", "", b.TargetID); err != nil {
		t.Fatal(err)
	}
	s.ok(t, "DELETE", "/tabs/"+a.TargetID, "", nil)
	for {
		if f := one.frame(); f.Ended != "" {
			if f.TargetID != a.TargetID || f.Ended != "the tab was closed" {
				t.Errorf("%+v", f)
			}
			break
		}
	}
	// A lease that ends takes the cast with it.
	s.views.mu.Lock()
	for _, v := range s.views.open {
		for conn := range v.leases {
			v.leases[conn] = time.Now().Add(-time.Second)
		}
		v.rest()
	}
	s.views.mu.Unlock()
	eventually(t, "the end of the lease", func() bool { return s.casting() == 0 })
	if _, err := two.ask("browser.watch", "", b.TargetID); err != nil {
		t.Fatal(err)
	}
	s.ok(t, "POST", "/stop", "", nil)
	for f := two.frame(); f.Ended == ""; f = two.frame() {
	}
	eventually(t, "the end with the browser", func() bool { return s.casting() == 0 })
}

func TestWatchRefuses(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	w := s.watcher(t, "one")
	refused := func(w *watcher, profile, target, want string) {
		t.Helper()
		if _, err := w.ask("browser.watch", profile, target); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	refused(w, "", "", "browser not running")
	refused(w, "nosuch", "", `"nosuch"`)
	s.ok(t, "POST", "/start", "", nil)
	refused(w, "", "nosuch", "tab not found")
	refused(&watcher{t: t, s: s}, "", "", "is for clients of the gateway")
}
