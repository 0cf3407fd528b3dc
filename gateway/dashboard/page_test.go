package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// pages are all of them, with what each shows of the owners' data.
var pages = []struct {
	hash  string
	shows []string
}{
	{"#/overview", []string{"this gateway", "rescue", "beats arrive", "the-peers-bridge", "served a file of its own", "degraded", "nc (99)", "dashboard"}},
	{"#/incidents", []string{"bad-config", "held", "three repairs in 15 minutes", "lost 12ms ago", "with status 78", `port: "x"`, "Repair"}},
	{"#/bus", []string{"clawdbot.main.health.beat", "a second"}},
	{"#/chat", []string{"The disk", "agent:main:main", "Nothing was said"}},
	{"#/nodes", []string{"Kitchen", "camera.snap", "1 waiting", "No device is paired"}},
	{"#/browser", []string{"clawd", "1 tab", "Example", "Live picture", "Snapshot"}},
	{"#/config", []string{"/p/clawdbot.json", "valid", "gateway.port", "Base port; the other listeners"}},
	{"#/config/generations", []string{"the bridge did not start", "probation", "Roll back"}},
	{"#/logs", []string{"/p/logs/gateway.log", "the disk is nearly full"}},
}

// Every page in every look: it shows its owners' data, fits a phone and breaks no
// rule of its policy, which tab checks.
func TestEveryPageInEveryLook(t *testing.T) {
	f, _ := startWhole(t)
	f.kitchen()
	f.ask("node.pair.request", msg.NodePairRequest{NodeID: "door", DisplayName: "Door", Platform: "linux", Commands: []string{"door.open"}})
	b := f.tab()
	b.open("/")
	for _, look := range []struct {
		name          string
		width, height int64
	}{{"desktop", 1280, 900}, {"phone", 360, 740}} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(look.width, look.height, scheme)
			for _, p := range pages {
				b.goTo(p.hash)
				b.sees(p.shows...)
				for _, wide := range eval[[]string](b, overflow) {
					t.Errorf("%s is wider than the %s: %s", p.hash, look.name, wide)
				}
				for _, faint := range eval[[]string](b, contrast) {
					t.Errorf("%s in %s is hard to read: %s", p.hash, scheme, faint)
				}
				b.screenshot(look.name + "-" + scheme + "-" + strings.ReplaceAll(p.hash[2:], "/", "-"))
			}
		}
	}
}

// overflow lists what would make the page scroll sideways.
const overflow = `[document.documentElement, ...document.querySelectorAll("main, section")]
	.filter((e) => e.scrollWidth > e.clientWidth + 1)
	.map((e) => e.tagName + " " + (e.scrollWidth - e.clientWidth) + " px: " + e.innerText.slice(0, 40))`

// contrast lists the texts in view whose colours differ by less than 4.5 to 1, as
// WCAG 2.2 AA counts it. What is disabled may be faint.
const contrast = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const rgba = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
	const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const ground = (e) => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
	const found = [];
	for (const e of document.querySelectorAll("body *")) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
		if (!own || e.closest(":disabled, svg, noscript, option") || !e.checkVisibility()) continue;
		const [a, b] = [light(rgba(getComputedStyle(e).color)), light(ground(e))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) found.push(ratio.toFixed(1) + " " + e.tagName + "." + e.className + " " + e.textContent.slice(0, 40));
	}
	return found;
})()`

// kitchen is a node that is connected and answers.
func (f *fixture) kitchen() {
	f.t.Helper()
	f.approve(msg.NodePairRequest{NodeID: "kitchen", DisplayName: "Kitchen", Platform: "linux", Caps: []string{"camera"}, Commands: []string{"camera.snap"}})
	sub, err := f.nc.Subscribe(f.subject(f.bus.Subjects.NodeInvoke("kitchen")), func(m *nats.Msg) {
		var call msg.Invoke
		if err := json.Unmarshal(m.Data, &call); err != nil {
			bus.Reply(f.nc, m, nil, err)
			return
		}
		if call.Command == msg.CommandPing {
			bus.Reply(f.nc, m, msg.NodeInfo{NodeID: "kitchen", DisplayName: "Kitchen", Platform: "linux", Caps: []string{"camera"}, Commands: []string{"camera.snap"}}, nil)
			return
		}
		bus.Reply(f.nc, m, msg.InvokeResult{Payload: json.RawMessage(fmt.Sprintf(`{"took":%s}`, call.Params))}, nil)
	})
	if err == nil {
		err = f.nc.Flush()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = sub.Unsubscribe() })
}

// ask calls a method as a service on the bus.
func (f *fixture) ask(method string, params any) json.RawMessage {
	f.t.Helper()
	var out json.RawMessage
	if err := bus.Call(f.t.Context(), f.nc, f.subject(f.bus.Subjects.RPC(method)), params, &out); err != nil {
		f.t.Fatal(err)
	}
	return out
}

func (f *fixture) approve(r msg.NodePairRequest) {
	f.t.Helper()
	var asked msg.NodePairRequested
	if err := json.Unmarshal(f.ask("node.pair.request", r), &asked); err != nil {
		f.t.Fatal(err)
	}
	f.ask("node.pair.approve", msg.PairDecision{RequestID: asked.Request.RequestID})
}

func TestSignInByLink(t *testing.T) {
	f := start(t, "/ui", nil)
	b := f.tab()
	b.open("/ui/")
	if at := eval[string](b, "location.href"); strings.Contains(at, token) || strings.Contains(at, "#token") {
		t.Errorf("the token stays in the address: %s", at)
	}
	b.goTo("#/logs")
	eval[bool](b, "(history.back(), true)")
	b.until(`!location.hash.includes("logs")`)
	if at := eval[string](b, "location.href"); strings.Contains(at, token) {
		t.Errorf("the token stays in the history: %s", at)
	}
	if kept := eval[string](b, "JSON.stringify(localStorage) + document.cookie"); strings.Contains(kept, token) {
		t.Errorf("the token outlives the tab: %s", kept)
	}
	b.do(chromedp.Reload())
	b.sees("connected")
	b.click("Sign out")
	b.sees("Sign in to this gateway")
	if kept := eval[string](b, "JSON.stringify(sessionStorage)"); strings.Contains(kept, token) {
		t.Errorf("the token outlives the sign-out: %s", kept)
	}
	b.goTo("#token=" + token) // a link in the same tab
	b.sees("connected")
}

func TestSignInByForm(t *testing.T) {
	f := start(t, "", nil)
	b := f.tab()
	b.do(chromedp.Navigate("http://" + f.addr + "/"))
	b.sees("Sign in to this gateway", "main")
	b.screenshot("sign-in")
	b.press("wrong\r")
	b.sees("Unauthorized: gateway token mismatch")
	b.screenshot("sign-in-refused")
	b.press(token + "\r")
	b.sees("connected")
	if at := eval[string](b, "location.href"); strings.Contains(at, token) {
		t.Errorf("the token is in the address: %s", at)
	}
}

// Who is locked out after too many wrong tokens waits, and is told so.
func TestLockedOut(t *testing.T) {
	f := start(t, "", nil)
	b := f.tab()
	b.do(chromedp.Navigate("http://" + f.addr + "/"))
	b.sees("Sign in to this gateway")
	for range 50 {
		b.press("wrong\r")
		b.until(`document.querySelector(".failed, .lost") && (document.querySelector(".lost") || document.querySelector("input[name=credential]").value === "")`)
		if eval[bool](b, `!!document.querySelector(".lost")`) {
			b.sees("Next attempt in", "not connected")
			b.screenshot("locked-out")
			return
		}
	}
	t.Error("50 wrong tokens lock nobody out")
}

func TestKeyboard(t *testing.T) {
	f, _ := startWhole(t)
	b := f.tab()
	b.open("/")
	for _, way := range []struct{ keys, page string }{
		{"gi", "incidents"}, {"gb", "bus"}, {"gc", "chat"}, {"gn", "nodes"}, {"gw", "browser"}, {"gs", "config"}, {"gl", "logs"}, {"go", "overview"},
	} {
		b.press(way.keys)
		b.until(fmt.Sprintf("location.hash === '#/%s' && document.querySelector('nav [aria-current]').hash === location.hash", way.page))
	}
	b.press("?")
	b.sees("next in the list")
	b.screenshot("keys")
	b.press("gi") // a dialog keeps the keys
	b.until("location.hash === '#/overview' && document.querySelector('dialog[open]')")
	b.press("\x1b")
	b.until("!document.querySelector('dialog')")
	b.press("gs")
	b.goTo("#/config/generations")
	b.sees("the bridge did not start")
	b.press("jj")
	b.until(`document.activeElement.matches("tr[data-row]:nth-child(2)")`)
	if ring := eval[string](b, "getComputedStyle(document.activeElement).outlineStyle"); ring == "none" {
		t.Error("the focus is not to be seen")
	}
	b.press("k\r")
	b.sees("From it to the file")
	b.press("gl")
	b.sees("the disk is nearly full")
	b.press("/")
	b.until(`document.activeElement.matches("[data-filter]")`)
	eval[bool](b, "(document.activeElement.select(), true)") // the protocol types the / in spite of preventDefault
	b.press("ready")
	b.until(`document.querySelectorAll(".log").length === 1`)
	b.press("gi") // typed into the field
	b.until(`location.hash === "#/logs" && document.activeElement.value === "readygi"`)
}

// What happens comes by itself: an event, a line of the log, a message on the bus.
func TestPagesAreLive(t *testing.T) {
	f, o := startWhole(t)
	b := f.tab()
	b.open("/")
	b.sees("this gateway")
	held := incident()
	f.event("incident", held)
	b.sees("1 open incident")
	b.goTo("#/logs")
	b.sees("the disk is nearly full")
	o.log("error", "the disk is full")
	b.sees("the disk is full")
	b.goTo("#/bus")
	b.put("main [data-filter]", "event.note")
	b.click("Follow")
	b.until(`!document.body.innerText.includes("health.beat")`)
	b.until(`document.body.innerText.includes("Waiting for the first message")`)
	f.eventuallyNoted(b)
	b.put("main input.mono[required]:not([data-filter])", "event.note")
	b.put("main form.stack textarea", `{"by": "hand"}`)
	b.click("Publish")
	b.sees("Publish on event.note?")
	b.confirm()
	b.sees("Published on clawdbot.main.event.note", `{"by":"hand"}`)
}

// eventuallyNoted publishes notes until one is shown: nobody tells when the tail
// has begun.
func (f *fixture) eventuallyNoted(b *tab) {
	f.t.Helper()
	for range 100 {
		f.event("note", map[string]string{"text": "by a service"})
		if eval[bool](b, `document.body.innerText.includes("by a service")`) {
			return
		}
		f.ask("health", nil) // takes a moment
	}
	b.sees("by a service")
}

func TestChat(t *testing.T) {
	f, o := startWhole(t)
	b := f.tab()
	b.open("/")
	b.goTo("#/chat")
	b.sees("Nothing was said")
	b.do(chromedp.Focus(chromedp.CSS("textarea")))
	b.press("how is the disk\r")
	b.sees("how is the disk", "It is half", "answering")
	b.screenshot("chat-streaming")
	o.finish()
	b.sees("It is half full.")
	b.until(`!document.body.innerText.includes("answering")`)
	b.do(chromedp.Focus(chromedp.CSS("textarea")))
	b.press("and now\r")
	b.sees("answering")
	b.click("Stop")
	b.sees("stopped here")
	if got := o.last("chat.abort"); !strings.Contains(got, `"sessionKey":"agent:main:main"`) {
		t.Errorf("abort was asked with %s", got)
	}
	b.screenshot("chat")
	b.click("New session")
	b.sees("web-", "Nothing was said")
}

func TestNodes(t *testing.T) {
	f, _ := startWhole(t)
	f.kitchen()
	b := f.tab()
	b.open("/")
	b.goTo("#/nodes")
	b.sees("Kitchen", "Nobody waits")
	f.ask("node.pair.request", msg.NodePairRequest{NodeID: "door", DisplayName: "Door", Platform: "linux", Commands: []string{"door.open"}})
	b.sees("1 waiting", "Door", "door.open")
	b.click("Approve")
	b.sees("Let Door in?")
	b.screenshot("nodes-approve")
	b.confirm()
	b.sees("Nobody waits", "away")
	b.goTo("#/nodes/kitchen")
	b.put("main form.stack textarea", "{no json")
	b.click("Run")
	b.sees("The params are no JSON")
	b.put("main form.stack textarea", `{"lens": 2}`)
	b.click("Run")
	b.sees(`"took": {`, `"lens": 2`)
}

func TestConfigIsPlannedThenApplied(t *testing.T) {
	f, o := startWhole(t)
	b := f.tab()
	b.open("/")
	b.goTo("#/config")
	b.put(`[id="field-gateway.port"]`, "19000")
	b.sees("1 edit")
	b.click("Plan")
	b.sees("the whole gateway starts again", "18789 becomes 19000")
	b.screenshot("config-plan")
	var plan msg.ConfigPlan
	if err := json.Unmarshal([]byte(o.last("config.plan")), &plan); err != nil || plan.Patch != `{"gateway":{"port":19000}}` {
		t.Errorf("planned %+v, %v", plan, err)
	}
	b.click("Apply")
	b.sees("Apply this config?")
	b.confirm()
	b.until(`document.body.innerText.includes("Generation 5")`)
	var apply msg.ConfigApply
	if err := json.Unmarshal([]byte(o.last("config.apply")), &apply); err != nil || apply.Raw != "{ gateway: { port: 19000 } }" || apply.BaseHash == "" {
		t.Errorf("applied %+v, %v", apply, err)
	}
	b.goTo("#/config/text")
	b.until(`document.querySelector("textarea").value.includes("the base port")`)
	b.put("textarea", "{}")
	b.click("Plan")
	b.sees("the whole gateway starts again")
	o.rewrite("{ /* by another */ }\n") // told by the next config.get, after the reconnect
	f.stop()
	b.sees("not connected")
	l, err := net.Listen("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	f.run(l, "")
	b.sees("The file was changed meanwhile")
	if now := eval[string](b, `document.querySelector("textarea").value`); now != "{}" {
		t.Errorf("the edits became %q", now)
	}
	b.click("Load it")
	b.until(`document.querySelector("textarea").value.includes("by another")`)
}

// What an operator does to a peer is asked for once more, in words that the
// gateway itself gives.
func TestRescueAsksFirst(t *testing.T) {
	f, o := startWhole(t)
	b := f.tab()
	b.open("/")
	b.goTo("#/incidents")
	b.click("Repair")
	b.sees("Repair rescue now?", "It would restart: its process is gone.")
	if got := o.last("rescue.repair"); !strings.Contains(got, `"dryRun":true`) {
		t.Errorf("asked with %s", got)
	}
	b.click("Cancel")
	b.until("!document.querySelector('dialog')")
	b.click("Hold")
	b.sees("Hold repairs of rescue?")
	if got := o.last("rescue.hold"); got != "" {
		t.Errorf("held before it was confirmed: %s", got)
	}
	b.confirm()
	b.sees("repairs are held until they are resumed")
}

func TestPagesWithoutOwnersSaySo(t *testing.T) {
	f := start(t, "", nil)
	b := f.tab()
	b.open("/")
	for hash, want := range map[string]string{
		"#/incidents": "Incidents cannot be shown here", "#/chat": "Chat cannot be shown here", "#/browser": "does not serve browser.request",
		"#/config": "config.get", "#/logs": "logs.tail",
	} {
		b.goTo(hash)
		b.sees(want)
	}
	b.screenshot("not-served")
	f.serve(map[string]bus.Handler{"logs.tail": func(context.Context, *bus.Request) (any, error) {
		return msg.LogTail{File: "f", Lines: []string{"served now"}}, nil
	}})
	f.publish(f.subject(f.bus.Subjects.Health("late")), msg.Component{Name: "late", State: msg.StateOK}) // makes the gateway look around
	b.goTo("#/logs")
	b.sees("served now") // told by the event features
}

// A lost connection is told, and comes back by itself.
func TestReconnects(t *testing.T) {
	f, o := startWhole(t)
	b := f.tab()
	b.open("/")
	b.sees("beats arrive")
	f.stop()
	b.sees("not connected", "What is shown is from before")
	b.screenshot("not-connected")
	l, err := net.Listen("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	f.run(l, "")
	b.until(`document.querySelector(".state").innerText.trim() === "connected" && !document.querySelector(".lost")`)
	b.sees("beats arrive")
	var missed msg.EventsQuery
	eventually(t, "asks for the events that it missed", func() bool {
		return json.Unmarshal([]byte(o.last("events.since")), &missed) == nil && missed.Since > 0
	})
}
