package relay

import (
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/devtools"
	"clawdbot/browser/relay/extension"
	"clawdbot/browser/relay/relaytest"
)

var pages = map[string]string{
	"/one":   `<title>One</title><button style="position:fixed;left:0;top:0;width:90px;height:40px" onclick="document.title='clicked'">go</button>`,
	"/two":   `<title>Two</title><p>two`,
	"/outer": `<title>Outer</title><iframe src="LOCALHOST/inner" width=300 height=200></iframe>`,
	"/inner": `<title>Inner</title>inner`,
}

// driven is a tab that is driven over the relay.
type driven struct {
	t *testing.T
	*devtools.Session
}

func (r *rig) attach(c *devtools.Conn, id string) driven {
	r.t.Helper()
	s, err := c.Attach(r.t.Context(), target.ID(id))
	if err != nil {
		r.t.Fatal(err)
	}
	return driven{r.t, s}
}

func do[P, R any](d driven, command cdp.Command[P, R], params P) R {
	d.t.Helper()
	result, err := devtools.Call(d.t.Context(), d.Session, command, params)
	if err != nil {
		d.t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// eval returns the JSON of an expression's value.
func (d driven) eval(expression string) string {
	d.t.Helper()
	byValue := true
	got := do(d, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ReturnByValue: &byValue})
	if got.ExceptionDetails != nil {
		d.t.Fatalf("%s: %v", expression, got.ExceptionDetails)
	}
	return string(got.Result.Value)
}

func TestDrivesTabOfRealBrowser(t *testing.T) {
	r := newRig(t, nil)
	base := site(t, pages)
	b := relaytest.StartChrome(t, r.folder, base+"/one")
	if b.ID() != extension.ID("main") {
		t.Fatalf("Chromium calls the extension %s, we %s", b.ID(), extension.ID("main"))
	}
	b.Click(base + "/one")
	lent := r.lends(1)
	if lent[0].URL != base+"/one" || lent[0].Type != "page" {
		t.Errorf("lent %+v", lent)
	}
	b.Shows(base+"/one", "ON")

	c := r.drive()
	tab := r.attach(c, lent[0].TargetID)
	if got := tab.eval("document.title"); got != `"One"` {
		t.Errorf("title %s", got)
	}
	for _, kind := range []input.DispatchMouseEventType{"mousePressed", "mouseReleased"} {
		do(tab, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: 20, Y: 20, Button: input.MouseButtonLeft, ClickCount: 1})
	}
	if got := tab.eval("document.title"); got != `"clicked"` {
		t.Errorf("after the click the title is %s", got)
	}
	do(tab, page.Navigate, page.NavigateParams{URL: base + "/two"})
	eventually(t, "the second page", func() bool { return tab.eval("document.title") == `"Two"` })
	infos := do(driven{t, c.Root()}, target.GetTargets, target.GetTargetsParams{}).TargetInfos
	if len(infos) != 1 || infos[0].URL != base+"/two" || infos[0].Title != "Two" {
		t.Errorf("targets %+v", infos)
	}
	b.Shows(base+"/two", "ON") // a navigation clears badges

	b.Click(base + "/two")
	r.lends(0)
	<-tab.Gone()
	eventually(t, "the extension stays connected without a tab", func() bool { l, _ := r.hub.status(); return l == nil })
	b.Shows(base+"/two", "")
}

func TestFramesInOtherProcesses(t *testing.T) {
	r := newRig(t, nil)
	base := site(t, pages)
	b := relaytest.StartChrome(t, r.folder, base+"/outer")
	b.Click(base + "/outer")
	lent := r.lends(1)
	for range 2 { // the second client hears of them as the first did
		c := r.drive()
		tab := r.attach(c, lent[0].TargetID)
		frames := make(chan *devtools.Session, 8)
		devtools.On(tab.Session, target.AttachedToTarget, func(e target.EventAttachedToTarget) {
			if s, ok := c.Child(e.SessionID); ok && e.TargetInfo.Type == "iframe" {
				frames <- s
			}
		})
		flat := true
		do(tab, target.SetAutoAttach, target.SetAutoAttachParams{AutoAttach: true, Flatten: &flat})
		select {
		case s := <-frames:
			eventually(t, "the frame's title", func() bool { return driven{t, s}.eval("document.title") == `"Inner"` })
		case <-time.After(10 * time.Second):
			t.Fatal("the frame was not told of")
		}
		c.Close()
	}
}

func TestClientLeavesNothingBehind(t *testing.T) {
	r := newRig(t, nil)
	base := site(t, pages)
	b := relaytest.StartChrome(t, r.folder, base+"/one")
	b.Click(base + "/one")
	lent := r.lends(1)
	c := r.drive()
	tab := r.attach(c, lent[0].TargetID)
	before := tab.eval("innerWidth")
	do(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 321, Height: 321, DeviceScaleFactor: 1})
	eventually(t, "the page is resized", func() bool { return tab.eval("innerWidth") == "321" })
	c.Close()
	tab = r.attach(r.drive(), lent[0].TargetID)
	eventually(t, "the page has its own size back", func() bool { return tab.eval("innerWidth") == before })
}

func TestAgentOpensAndClosesTabs(t *testing.T) {
	r := newRig(t, nil)
	base := site(t, pages)
	b := relaytest.StartChrome(t, r.folder, base+"/one")
	b.Click(base + "/one")
	r.lends(1)
	root := driven{t, r.drive().Root()}
	made := do(root, target.CreateTarget, target.CreateTargetParams{URL: base + "/two"})
	r.lends(2)
	b.Shows(base+"/two", "ON")
	do(root, target.ActivateTarget, target.ActivateTargetParams(made))
	tab := r.attach(root.Conn(), string(made.TargetID))
	eventually(t, "the new tab is in front", func() bool { return tab.eval("document.visibilityState") == `"visible"` })
	do(root, target.CloseTarget, target.CloseTargetParams(made))
	<-tab.Gone()
	err := devtools.Do(t.Context(), root.Session, target.CreateTarget, target.CreateTargetParams{URL: "chrome://version/"})
	if err == nil || !strings.Contains(err.Error(), "chrome://") {
		t.Errorf("a page of the browser's own: %v", err)
	}
	if left := r.lends(1); left[0].URL != base+"/one" {
		t.Errorf("left %+v", left)
	}
}

// TestCookiesOfOtherSites are neither told nor cleared.
func TestCookiesOfOtherSites(t *testing.T) {
	r := newRig(t, nil)
	base := site(t, pages)
	b := relaytest.StartChrome(t, r.folder, base+"/one")
	b.Click(base + "/one")
	lent := r.lends(1)
	tab := r.attach(r.drive(), lent[0].TargetID)
	for name, address := range map[string]string{"mine": base, "other": "https://elsewhere.example/"} {
		do(tab, network.SetCookie, network.SetCookieParams{Name: name, Value: "x", URL: address})
	}
	if got := do(tab, storage.GetCookies, storage.GetCookiesParams{}).Cookies; len(got) != 1 || got[0].Name != "mine" {
		t.Errorf("cookies %+v", got)
	}
	if got := do(tab, network.GetCookies, network.GetCookiesParams{URLs: []string{"https://elsewhere.example/"}}).Cookies; len(got) != 1 || got[0].Name != "mine" {
		t.Errorf("cookies of another site %+v", got)
	}
	err := devtools.Do(t.Context(), tab.Session, storage.ClearCookies, storage.ClearCookiesParams{})
	if err == nil || !strings.Contains(err.Error(), "only a tab was lent") {
		t.Errorf("clear: %v", err)
	}
}

// TestGatewayGoneAndBack keeps a tab lent while the gateway is away.
func TestGatewayGoneAndBack(t *testing.T) {
	r := newRig(t, nil)
	base := site(t, pages)
	b := relaytest.StartChrome(t, r.folder, base+"/one")
	b.Click(base + "/one")
	lent := r.lends(1)
	c := r.drive()
	tab := r.attach(c, lent[0].TargetID)
	do(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 321, Height: 321, DeviceScaleFactor: 1})
	address := r.Addr().String()
	r.shut()
	<-c.Lost()
	b.Shows(base+"/one", "…")
	r.start(address, nil)
	if again := r.lends(1); again[0].TargetID != lent[0].TargetID {
		t.Errorf("lent %+v, then %+v", lent, again)
	}
	b.Shows(base+"/one", "ON")
	tab = r.attach(r.drive(), lent[0].TargetID)
	eventually(t, "the page has its own size back", func() bool { return tab.eval("innerWidth") != "321" })
	b.Click(base + "/one")
	r.lends(0)
}

func TestExtensionGoneAndBack(t *testing.T) {
	r := newRig(t, nil)
	base := site(t, pages)
	b := relaytest.StartChrome(t, r.folder, base+"/one")
	b.Click(base + "/one")
	r.lends(1)
	c := r.drive()
	b.Remove()
	<-c.Lost()
	r.lends(0)

	b = relaytest.StartChrome(t, r.folder, base+"/one")
	b.Click(base + "/one")
	lent := r.lends(1)
	c = r.drive()
	tab := r.attach(c, lent[0].TargetID)
	b.Kill()
	<-c.Lost()
	<-tab.Gone()
	r.lends(0)
}

// TestButtonSaysWhy goes through what keeps a tab from being lent.
func TestButtonSaysWhy(t *testing.T) {
	r := newRig(t, nil)
	base := site(t, pages)
	r.shut()
	b := relaytest.StartChrome(t, r.folder, base+"/one")
	says := func(want string) {
		t.Helper()
		b.Click(base + "/one")
		if words := b.Shows(base+"/one", "!"); !strings.Contains(words, want) {
			t.Errorf("the button says %q, want %q", words, want)
		}
	}
	says("no gateway listens")

	// Another gateway has the port, and knows another secret.
	address, folder := r.Addr().String(), r.folder
	r.folder = filepath.Join(t.TempDir(), "extension")
	if err := extension.Install(r.folder, "main", 1); err != nil {
		t.Fatal(err)
	}
	r.start(address, nil)
	says("wrong secret")
	r.shut()

	// A program that lets everybody in has the port: it must not get the tab.
	impostor, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 8)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		conn, err := accept(w, q)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		_ = write(q.Context(), conn, message{Method: methodChallenge, Params: encode(proof{Challenge: "x"})})
		for {
			var m message
			if read(q.Context(), conn, &m) != nil {
				return
			}
			got <- m.Method
			_ = write(q.Context(), conn, message{Method: methodProof, Params: encode(proof{Proof: "x"})})
		}
	}))
	server.Listener.Close()
	server.Listener = impostor
	server.Start()
	says("not the gateway that this extension was installed by")
	server.Close()
	if m := <-got; m != methodProof || len(got) > 0 {
		t.Errorf("the impostor was told %s and %d more", m, len(got))
	}

	// The right one is back.
	r.folder = folder
	r.start(address, nil)
	b.Click(base + "/one")
	r.lends(1)
	b.Shows(base+"/one", "ON")
}
