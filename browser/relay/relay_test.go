package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"clawdbot/browser/devtools"
	"clawdbot/browser/relay/extension"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ours is the origin of the extension of profile main.
var ours = extensionScheme + extension.ID("main")

// lendingHand is an extension in the test's hands.
type lendingHand struct {
	t    *testing.T
	conn *websocket.Conn
}

// connect opens /extension from an origin.
func (r *rig) connect(origin string) lendingHand {
	r.t.Helper()
	conn, _, err := websocket.Dial(r.t.Context(), "ws://"+r.Addr().String()+"/extension", &websocket.DialOptions{HTTPHeader: http.Header{
		"Origin": {origin}, "User-Agent": {"Mozilla/5.0 Chrome/150.0.0.0 Safari/537.36"},
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.CloseNow() })
	return lendingHand{r.t, conn}
}

// pair connects as the installed extension and passes the handshake.
func (r *rig) pair() lendingHand {
	r.t.Helper()
	h := r.connect(ours)
	paired, err := extension.Read(r.folder)
	if err != nil {
		r.t.Fatal(err)
	}
	var asked proof
	h.decode(h.next().Params, &asked)
	h.send(message{Method: methodProof, Params: encode(proof{prove(paired.Secret, "extension "+asked.Challenge), "mine"})})
	var told proof
	h.decode(h.next().Params, &told)
	if told.Proof != prove(paired.Secret, "relay mine") {
		r.t.Fatal("the relay proves nothing")
	}
	return h
}

func (h lendingHand) send(m message) {
	h.t.Helper()
	if err := write(h.t.Context(), h.conn, m); err != nil {
		h.t.Fatal(err)
	}
}

func (h lendingHand) decode(body []byte, into any) {
	h.t.Helper()
	if err := json.Unmarshal(body, into); err != nil {
		h.t.Fatalf("%s: %v", body, err)
	}
}

// next is what the relay sends next. Pings are answered and passed over.
func (h lendingHand) next() message {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	for {
		var m message
		if err := read(ctx, h.conn, &m); err != nil {
			h.t.Fatal(err)
		}
		if m.Method != methodPing {
			return m
		}
		h.send(message{Method: methodPong})
	}
}

// command is the next command that is forwarded.
func (h lendingHand) command() (id int64, f forwarded) {
	h.t.Helper()
	m := h.next()
	if m.Method != methodCommand {
		h.t.Fatalf("%+v is no command", m)
	}
	h.decode(m.Params, &f)
	return m.ID, f
}

func (h lendingHand) event(session, method, params string) {
	h.t.Helper()
	h.send(message{Method: methodEvent, Params: encode(event{method, json.RawMessage(params), session})})
}

func (h lendingHand) lend(session, id string) {
	h.t.Helper()
	h.event("", targetAttached, fmt.Sprintf(`{"sessionId":%q,"targetInfo":{"targetId":%q,"type":"page","title":"T","url":"http://t/"},"waitingForDebugger":false}`, session, id))
}

// ended is the reason with which the relay closes the connection.
func (h lendingHand) ended() string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	for {
		_, _, err := h.conn.Read(ctx)
		if err == nil {
			continue
		}
		return err.Error()
	}
}

// get requests a path with headers, which are pairs.
func (r *rig) get(path string, headers ...string) (int, string) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, "http://"+r.Addr().String()+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if q.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			q.Host = headers[i+1]
		}
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

const bearer = "Bearer " + token

func TestWhoIsLetIn(t *testing.T) {
	const other = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
	r := newRig(t, nil)
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	for _, c := range []struct {
		path    string
		headers []string
		status  int
		want    string
	}{
		{"/", nil, 200, "relay"},
		{"/extension/status", nil, 200, `"connected":false`},
		{"/json/version", nil, 401, "error"},
		{"/json/version", []string{"Authorization", "Bearer wrong"}, 401, "error"},
		{"/json/version", []string{"Authorization", bearer}, 200, `"Protocol-Version":"1.3"`},
		{"/json/version/", []string{"Authorization", "Basic " + "eDphLXRva2VuLWZvci10ZXN0cw=="}, 200, `"Browser"`}, // x:a-token-for-tests
		{"/json/list", nil, 401, "error"},
		{"/json", []string{"Authorization", bearer}, 200, "[]"},
		{"/cdp", upgrade, 401, "error"},
		{"/cdp?token=" + token, upgrade, 401, "error"},
		{"/cdp", append(upgrade, "Authorization", bearer), 503, "no tab is connected"},
		{"/json/version", []string{"Authorization", bearer, "Host", "evil.example"}, 403, "evil.example"},
		{"/json/version", []string{"Authorization", bearer, "Origin", "https://evil.example"}, 403, "evil.example"},
		{"/json/version", []string{"Authorization", bearer, "X-Forwarded-For", "192.0.2.1"}, 403, "this host only"},
		{"/extension", upgrade, 403, "only the Clawdbot extension"},
		{"/extension", append(upgrade, "Origin", other), 403, "abcdefghijklmnop"},
		{"/extension", append(upgrade, "Origin", "http://127.0.0.1:1"), 403, "error"},
		{"/extension", append(upgrade, "Origin", ours, "Host", "evil.example"), 403, "evil.example"},
		{"/nothing", nil, 404, "GET /nothing"},
		{"/json/nothing", []string{"Authorization", bearer}, 404, "GET /json/nothing"},
	} {
		if status, body := r.get(c.path, c.headers...); status != c.status || !strings.Contains(body, c.want) || strings.Contains(body, token) {
			t.Errorf("%s %v: %d %s, want %d with %q", c.path, c.headers, status, body, c.status, c.want)
		}
	}
}

func TestSecretIsProven(t *testing.T) {
	r := newRig(t, nil)
	h := r.connect(ours)
	h.next()
	h.send(message{Method: methodProof, Params: encode(proof{"guessed", "mine"})})
	if why := h.ended(); !strings.Contains(why, "wrong secret") {
		t.Errorf("a guess: %s", why)
	}
	h = r.connect(ours)
	h.next()
	h.lend("s", "T1")
	if why := h.ended(); !strings.Contains(why, "wrong secret") {
		t.Errorf("no proof: %s", why)
	}
	if err := os.RemoveAll(r.folder); err != nil {
		t.Fatal(err)
	}
	if why := r.connect(ours).ended(); !strings.Contains(why, "clawdbot browser extension install") {
		t.Errorf("without an installed extension: %s", why)
	}
	r.lends(0)
}

func TestAnotherExtensionByItsID(t *testing.T) {
	const id = "abcdefghijklmnopabcdefghijklmnop"
	r := newRig(t, func(c *Config) { c.Others = []string{id} })
	h := r.connect(extensionScheme + id)
	h.lend("cb-tab-1", "T1")
	r.lends(1)
	second := r.pair()
	if why := second.ended(); !strings.Contains(why, "another browser lends its tabs") {
		t.Errorf("a second one: %s", why)
	}
}

// TestLooksLikeChromium goes through what a client does with a browser.
func TestLooksLikeChromium(t *testing.T) {
	r := newRig(t, nil)
	h := r.pair()
	h.lend("s1", "T1")
	r.lends(1)
	if status, body := r.get("/json/version", "Authorization", bearer); status != 200 || !strings.Contains(body, `"webSocketDebuggerUrl":"ws://`+r.Addr().String()+`/cdp"`) {
		t.Errorf("version %d %s", status, body)
	}
	c := r.drive()
	root := driven{t, c.Root()}
	gone, made := make(chan target.ID, 4), make(chan target.ID, 4)
	devtools.On(c.Root(), target.TargetCreated, func(e target.EventTargetCreated) { made <- e.TargetInfo.TargetID })
	devtools.On(c.Root(), target.TargetDestroyed, func(e target.EventTargetDestroyed) { gone <- e.TargetID })
	do(root, target.SetDiscoverTargets, target.SetDiscoverTargetsParams{Discover: true})
	if id := <-made; id != "T1" {
		t.Errorf("found %s", id)
	}
	h.lend("s2", "T2")
	if id := <-made; id != "T2" {
		t.Errorf("found %s", id)
	}
	one, two := r.attach(c, "T1"), r.attach(c, "T2")

	// Commands reach their tab in order; answers come as they are given.
	first := devtools.Post(t.Context(), one.Session, page.Enable, page.EnableParams{})
	second := devtools.Post(t.Context(), two.Session, page.Reload, page.ReloadParams{})
	idOne, f := h.command()
	if f.SessionID != "s1" || f.Method != "Page.enable" {
		t.Errorf("first %+v", f)
	}
	idTwo, f := h.command()
	if f.SessionID != "s2" || f.Method != "Page.reload" {
		t.Errorf("second %+v", f)
	}
	h.send(message{ID: idTwo, Error: `{"code":-32000,"message":"Cannot reload"}`})
	if err := second(); err == nil || !strings.Contains(err.Error(), "Cannot reload") {
		t.Errorf("second: %v", err)
	}
	h.send(message{ID: idOne, Result: json.RawMessage(`{}`)})
	if err := first(); err != nil {
		t.Errorf("first: %v", err)
	}

	// A tab that is taken back ends for its client alone.
	h.event("", targetDetached, `{"sessionId":"s1","targetId":"T1","reason":"taken_back"}`)
	if id := <-gone; id != "T1" {
		t.Errorf("gone %s", id)
	}
	<-one.Gone()
	if _, err := c.Attach(t.Context(), "T1"); !errors.Is(err, devtools.ErrDetached) {
		t.Errorf("attach to it: %v", err)
	}
	select {
	case <-two.Gone():
		t.Error("the other tab went as well")
	default:
	}
}

func TestOnlyLentTabsCanBeTouched(t *testing.T) {
	r := newRig(t, nil)
	h := r.pair()
	h.lend("s1", "T1")
	r.lends(1)
	c := r.drive()
	ctx := t.Context()
	for what, err := range map[string]error{
		"close": devtools.Do(ctx, c.Root(), target.CloseTarget, target.CloseTargetParams{TargetID: "other"}),
		"focus": devtools.Do(ctx, c.Root(), target.ActivateTarget, target.ActivateTargetParams{TargetID: "other"}),
		"quit":  devtools.Do(ctx, c.Root(), cdp.Command[cdp.Empty, cdp.Empty]{Method: "Browser.close"}, cdp.Empty{}),
	} {
		if err == nil {
			t.Errorf("%s was done", what)
		}
	}
	tab := r.attach(c, "T1")
	for what, err := range map[string]error{
		"list":   devtools.Do(ctx, tab.Session, target.GetTargets, target.GetTargetsParams{}),
		"close":  devtools.Do(ctx, tab.Session, target.CloseTarget, target.CloseTargetParams{TargetID: "other"}),
		"permit": devtools.Do(ctx, tab.Session, cdp.Command[cdp.Empty, cdp.Empty]{Method: "Browser.grantPermissions"}, cdp.Empty{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "only a tab was lent") {
			t.Errorf("in the tab's session %s: %v", what, err)
		}
	}
	h.event("", targetChanged, `{"targetInfo":{"targetId":"T1","type":"page","title":"New","url":"http://t/2"}}`)
	eventually(t, "the title", func() bool { _, tabs := r.hub.status(); return tabs[0].Title == "New" })
}

func TestLastClientLetsGo(t *testing.T) {
	r := newRig(t, nil)
	h := r.pair()
	h.lend("s1", "T1")
	r.lends(1)
	one, two := r.drive(), r.drive()
	r.attach(one, "T1")
	r.attach(two, "T1")
	one.Close()
	two.Close()
	if _, f := h.command(); f.Method != targetDetach || string(f.Params) != `{"sessionId":"s1"}` {
		t.Errorf("the extension is asked for %s %s", f.Method, f.Params)
	}
}

func TestTabThatNeverAnswers(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Timeout = 50 * time.Millisecond })
	h := r.pair()
	h.lend("s1", "T1")
	r.lends(1)
	tab := r.attach(r.drive(), "T1")
	err := devtools.Do(t.Context(), tab.Session, page.Reload, page.ReloadParams{})
	if err == nil || !strings.Contains(err.Error(), "Page.reload: the tab did not answer within 50ms") {
		t.Errorf("%v", err)
	}
}

func TestExtensionThatFallsSilent(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Ping = 10 * time.Millisecond })
	h := r.pair()
	h.lend("s1", "T1")
	r.lends(1)
	c := r.drive()
	<-c.Lost() // nothing is read, so no ping is answered
	r.lends(0)
}

func TestHostileMessages(t *testing.T) {
	r := newRig(t, nil)
	for _, text := range []string{"{", "[]", `"x"`, strings.Repeat("[", 10000), `{"id":"x"}`} {
		h := r.pair()
		h.lend("s1", "T1")
		r.lends(1)
		if err := h.conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		h.ended()
		r.lends(0)
		eventually(t, "the extension is gone", func() bool { l, _ := r.hub.status(); return l == nil })
	}
	h := r.pair()
	h.lend("s1", "T1")
	r.lends(1)
	for _, params := range []string{`{"sessionId":7}`, `null`, `{"sessionId":"s9","targetId":"T9"}`, `{"targetInfo":null}`} {
		for _, method := range []string{targetAttached, targetDetached, targetChanged, "Page.x"} {
			h.event("", method, params)
			h.event("s1", method, params)
			h.event("nobody", method, params)
		}
	}
	h.send(message{ID: 4711, Result: json.RawMessage(`{}`)})
	tab := r.attach(r.drive(), "T1")
	done := devtools.Post(t.Context(), tab.Session, page.Enable, page.EnableParams{})
	id, _ := h.command()
	h.send(message{ID: id})
	if err := done(); err != nil {
		t.Error(err)
	}
}

func FuzzExtensionEvents(f *testing.F) {
	f.Add("", targetAttached, []byte(`{"sessionId":"s","targetInfo":{"targetId":"T"}}`))
	f.Add("s", targetAttached, []byte(`{"sessionId":"c"}`))
	f.Add("", targetDetached, []byte(`{"sessionId":"s"}`))
	f.Add("", targetChanged, []byte(`{"targetInfo":{}}`))
	f.Fuzz(func(t *testing.T, session, method string, params []byte) {
		h := &hub{changed: func() {}, clients: map[*client]bool{}}
		h.heard(event{targetAttached, []byte(`{"sessionId":"s","targetInfo":{"targetId":"T"}}`), ""})
		h.heard(event{method, params, session})
		if _, tabs := h.status(); len(tabs) > 2 || bytes.Contains(encode(tabs), []byte("null")) {
			t.Errorf("%+v", tabs)
		}
	})
}
