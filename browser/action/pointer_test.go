package action_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"clawdbot/browser/action"
	"clawdbot/browser/browsertest"
	"clawdbot/browser/tab"
)

// told is a page that keeps what happens to its elements, in order.
const told = `<script>
	const seen = [];
	for (const kind of ['click', 'dblclick', 'contextmenu', 'auxclick', 'mouseover'])
		addEventListener(kind, (e) => seen.push([kind, e.target.id, e.detail, e.shiftKey, e.ctrlKey].join(' ')), true);
</script>`

func TestClick(t *testing.T) {
	for name, c := range map[string]struct {
		options action.ClickOptions
		want    string
	}{
		"once":      {want: `["click b 1 false false"]`},
		"twice":     {options: action.ClickOptions{Double: true}, want: `["click b 1 false false","click b 2 false false","dblclick b 2 false false"]`},
		"right":     {options: action.ClickOptions{Button: "right"}, want: `["auxclick b 1 false false","contextmenu b 0 false false"]`},
		"middle":    {options: action.ClickOptions{Button: "middle"}, want: `["auxclick b 1 false false"]`},
		"modifiers": {options: action.ClickOptions{Modifiers: []string{"Shift", "ControlOrMeta"}}, want: `["click b 1 true true"]`},
	} {
		t.Run(name, func(t *testing.T) {
			page := browsertest.Page(t, told+`<button id=b>Go</button>`)
			if err := action.Click(within(t, 20*time.Second), page, ref(t, page, "#b"), c.options); err != nil {
				t.Fatal(err)
			}
			if got := value(t, page.Main(), `seen.filter((s) => !s.startsWith('mouseover')).sort()`); got != c.want {
				t.Errorf("%s, not %s", got, c.want)
			}
		})
	}
}

func TestClickArguments(t *testing.T) {
	page := browsertest.Page(t, `<button id=b>Go</button>`)
	b := ref(t, page, "#b")
	refused(t, action.Click(t.Context(), page, b, action.ClickOptions{Button: "top"}), http.StatusBadRequest, `"top"`, "left, right and middle")
	refused(t, action.Click(t.Context(), page, b, action.ClickOptions{Modifiers: []string{"Hyper"}}), http.StatusBadRequest, `"Hyper"`, "Shift")
}

// clicks gets events although something is in the way, or they come around.
func TestClickGetsThere(t *testing.T) {
	for name, html := range map[string]string{
		"below the window":      `<div style="height:3000px"></div><button id=b>Go</button>`,
		"in a scroll container": `<div style="height:100px;overflow:auto"><div style="height:2000px"></div><button id=b>Go</button></div>`,
		"under a sticky header": `<style>body{margin:0;height:4000px}</style><div style="position:sticky;top:0;height:80vh;background:red">header</div><button id=b>Go</button>`,
		"part of it covered at first": `<button id=b>Go</button><div id=c style="position:fixed;inset:0"></div>
			<script>setTimeout(() => document.getElementById('c').remove(), 300)</script>`,
		"moving at first": `<style>#b{position:relative;animation:m .4s linear}@keyframes m{from{left:300px}to{left:0}}</style><button id=b>Go</button>`,
		"disabled at first": `<fieldset id=f disabled><button id=b>Go</button></fieldset>
			<script>setTimeout(() => { document.getElementById('f').disabled = false }, 300)</script>`,
		"hidden at first":       `<button id=b style="display:none">Go</button><script>setTimeout(() => { document.getElementById('b').style.display = '' }, 300)</script>`,
		"smooth scrolling":      `<style>html{scroll-behavior:smooth}</style><div style="height:9000px"></div><button id=b>Go</button>`,
		"text within":           `<button id=b><span style="pointer-events:none"><i>Go</i></span></button>`,
		"turned":                `<button id=b style="margin:80px;transform:rotate(45deg) scale(2)">Go</button>`,
		"display contents":      `<button id=b style="display:contents">Go on</button>`,
		"a link around a float": `<a id=b href="#x"><img style="float:left;width:30px;height:30px"></a>`,
		"of two lines":          `<div style="width:60px">lorem ipsum <a id=b href="#x">dolor sit amet consectetur</a></div>`,
		"in a modal dialog":     `<button>other</button><dialog id=d><button id=b>Go</button></dialog><script>document.getElementById('d').showModal()</script>`,
		"zoomed":                `<body style="zoom:1.5"><div style="height:1500px"></div><button id=b>Go</button>`,
	} {
		t.Run(name, func(t *testing.T) {
			page := browsertest.Page(t, told+html)
			if err := action.Click(within(t, 20*time.Second), page, ref(t, page, "#b"), action.ClickOptions{}); err != nil {
				t.Fatal(err)
			}
			if got := value(t, page.Main(), `seen.some((s) => s.startsWith("click"))`); got != "true" {
				t.Errorf("no click: %s", value(t, page.Main(), "seen"))
			}
		})
	}
}

func TestClickLabelOfCoveredControl(t *testing.T) {
	for name, html := range map[string]string{
		"drawn by the label": `<label style="position:relative;display:inline-block;padding:8px">
			<input id=c type=checkbox style="position:absolute;opacity:0"><span style="position:absolute;inset:0;background:red"></span>On</label>`,
		"clipped away": `<input id=c type=checkbox style="position:absolute;clip:rect(0 0 0 0);width:1px;height:1px"><label for=c>On</label>`,
		"not rendered": `<input id=c type=checkbox hidden><label for=c>On</label>`,
	} {
		t.Run(name, func(t *testing.T) {
			page := browsertest.Page(t, html)
			if err := action.Check(within(t, 20*time.Second), page, ref(t, page, "#c"), true); err != nil {
				t.Fatal(err)
			}
			if value(t, page.Main(), `document.getElementById('c').checked`) != "true" {
				t.Error("not checked")
			}
		})
	}
}

func TestClickInShadowRoot(t *testing.T) {
	page := browsertest.Page(t, told+`<my-card><button id=light slot=s>Light</button></my-card><script>
		customElements.define('my-card', class extends HTMLElement {
			constructor() {
				super().attachShadow({mode: 'open'}).innerHTML = '<p><button id=deep>Deep</button></p><slot name=s></slot>';
				this.shadowRoot.addEventListener('click', (e) => { window.inner = e.target.id });
			}
		});</script>`)
	for _, c := range []struct{ expression, id string }{
		{`document.querySelector('my-card').shadowRoot.querySelector('#deep')`, "deep"},
		{`document.querySelector('#light')`, "light"},
	} {
		if err := action.Click(within(t, 20*time.Second), page, refTo(t, page, c.expression), action.ClickOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := value(t, page.Main(), "inner"); got != fmt.Sprintf("%q", c.id) {
			t.Errorf("clicked %s, not %s", got, c.id)
		}
	}
}

func TestClickInFrames(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, map[string]string{
		"/":       `<div style="height:2000px"></div><iframe style="margin:20px;border:7px solid;padding:5px;width:400px;height:300px" src="{other}/middle"></iframe>`,
		"/middle": `<div style="height:1000px"></div><iframe style="border:3px solid" src="{self}/inner"></iframe>`,
		"/inner":  `<div style="height:700px"></div><button id=b onclick="window.done=true">Go</button><input id=i>`,
	}))
	if n := len(page.Sessions()); n < 2 {
		t.Fatalf("%d sessions: no frame is in a process of its own", n)
	}
	inner := frame(t, page, "/inner")
	if err := action.Click(within(t, 20*time.Second), page, refIn(t, inner, "#b"), action.ClickOptions{}); err != nil {
		t.Fatal(err)
	}
	holds(t, inner, `window.done === true`)
	if err := action.Type(within(t, 20*time.Second), page, refIn(t, inner, "#i"), "deep", action.TypeOptions{}); err != nil {
		t.Fatal(err)
	}
	holds(t, inner, `document.getElementById('i').value === 'deep'`)
	if err := action.Type(within(t, 20*time.Second), page, refIn(t, inner, "#i"), "er", action.TypeOptions{Slowly: true}); err != nil {
		t.Fatal(err)
	}
	holds(t, inner, `document.getElementById('i').value === 'deeper'`)
}

// frame is the one with the path; it may come after the page has loaded.
func frame(t *testing.T, page *tab.Tab, path string) *tab.Frame {
	t.Helper()
	for ctx := within(t, 20*time.Second); ctx.Err() == nil; {
		for _, f := range page.Frames() {
			if url := f.URL(); len(url) > len(path) && url[len(url)-len(path):] == path {
				return f
			}
		}
	}
	t.Fatalf("no frame %s", path)
	return nil
}

// Every reason for which an element cannot be clicked has its words.
func TestClickRefused(t *testing.T) {
	for name, c := range map[string]struct {
		html  string
		parts []string
	}{
		"covered":           {`<button id=b>Go</button><div id="overlay" class="modal" style="position:fixed;inset:0"></div>`, []string{`<button id="b"> is covered`, `<div id="overlay" class="modal"> covers it`, "waited"}},
		"covered by a part": {`<button id=b>Go</button><div id="overlay" style="position:fixed;inset:0"><p style="height:100%;margin:0">wait</p></div>`, []string{`<p> of <div id="overlay"> covers it`}},
		"not rendered":      {`<div id=menu style="display:none"><button id=b>Go</button></div>`, []string{`is hidden: display of <div id="menu"> is none`}},
		"invisible":         {`<button id=b style="visibility:hidden">Go</button>`, []string{"is hidden: visibility is hidden"}},
		"without size":      {`<div id=b style="width:0;height:0"></div>`, []string{"is hidden: it has no size"}},
		"disabled":          {`<button id=b disabled>Go</button>`, []string{"is disabled"}},
		"in a fieldset":     {`<fieldset disabled><button id=b>Go</button></fieldset>`, []string{"is disabled"}},
		"aria-disabled":     {`<div id=g aria-disabled=true><div id=b role=button>Go</div></div>`, []string{`is disabled (aria-disabled of <div id="g">)`}},
		"off screen":        {`<button id=b style="position:fixed;left:-500px">Go</button>`, []string{"is off screen"}},
		"moving":            {`<style>#b{position:relative;animation:m 2s linear infinite}@keyframes m{from{left:0}to{left:400px}}</style><button id=b>Go</button>`, []string{"is moving"}},
		"inert":             {`<div inert><button id=b>Go</button></div>`, []string{"is inert"}},
		"lets through":      {`<div id=around><b id=b style="pointer-events:none">Go</b></div>`, []string{"pointer-events is none", `<div id="around">`}},
		"an option":         {`<select><option id=b>One</select>`, []string{"use select"}},
	} {
		t.Run(name, func(t *testing.T) {
			page := browsertest.Page(t, told+c.html)
			if name == "moving" { // an animation stands still until its first frame
				holds(t, page.Main(), `document.getElementById('b').getBoundingClientRect().x > 30`)
			}
			b := ref(t, page, "#b")
			start := time.Now()
			err := action.Click(within(t, 800*time.Millisecond), page, b, action.ClickOptions{})
			refused(t, err, http.StatusConflict, c.parts...)
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
			if got := value(t, page.Main(), `seen.some((s) => s.startsWith('click'))`); got != "false" {
				t.Error("something was clicked")
			}
		})
	}
}

func TestClickFrameCovered(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, map[string]string{
		"/":      `<iframe id=f src="{other}/inner"></iframe><div id=veil style="position:fixed;inset:0"></div>`,
		"/inner": `<button id=b>Go</button>`,
	}))
	b := refIn(t, frame(t, page, "/inner"), "#b")
	err := action.Click(within(t, time.Second), page, b, action.ClickOptions{})
	refused(t, err, http.StatusConflict, `<iframe id="f"> is covered`, `<div id="veil"> covers it`)
}

func TestStaleRefs(t *testing.T) {
	page := browsertest.Page(t, `<button id=b>Go</button>`)
	b := ref(t, page, "#b")
	value(t, page.Main(), `document.getElementById('b').remove()`)
	start := time.Now()
	refused(t, action.Click(within(t, 20*time.Second), page, b, action.ClickOptions{}), http.StatusConflict, b.String(), "take a new snapshot")
	if _, err := page.Navigate(t.Context(), page.URL()+"?again"); err != nil {
		t.Fatal(err)
	}
	refused(t, action.Click(within(t, 20*time.Second), page, b, action.ClickOptions{}), http.StatusNotFound, "unknown ref "+b.String(), "take a new snapshot")
	never := tab.Ref{Frame: page.Main(), N: 99999}
	refused(t, action.Hover(within(t, 20*time.Second), page, never), http.StatusNotFound, "unknown ref e99999")
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v: what waiting cannot mend fails at once", took)
	}
}

func TestClickFollowsNavigation(t *testing.T) {
	base := browsertest.Serve(t, map[string]string{"/": `<a id=a href="/next">Next</a>`, "/next": `<h1>Next</h1>`})
	page := browsertest.Tab(t, base)
	if err := action.Click(within(t, 20*time.Second), page, ref(t, page, "#a"), action.ClickOptions{}); err != nil {
		t.Fatal(err)
	}
	if page.URL() != base+"next" {
		t.Errorf("at %s", page.URL())
	}
}

func TestClickLeavesThePage(t *testing.T) {
	base := browsertest.Serve(t, map[string]string{
		"/":     `<a id=a href="{other}/next">Next</a><form action="{other}/next"><button id=b>Go</button></form>`,
		"/next": `<h1>Next</h1>`,
	})
	for _, selector := range []string{"#a", "#b"} {
		page := browsertest.Tab(t, base)
		if err := action.Click(within(t, 20*time.Second), page, ref(t, page, selector), action.ClickOptions{}); err != nil {
			t.Fatal(err)
		}
		if value(t, page.Main(), `document.querySelector('h1').textContent + location.hostname`) != `"Nextlocalhost"` {
			t.Errorf("%s: at %s", selector, page.URL())
		}
	}
}

func TestClickClosesThePage(t *testing.T) {
	page := browsertest.Page(t, `<button id=b onclick="window.close()">Close</button>`)
	if err := action.Click(within(t, 20*time.Second), page, ref(t, page, "#b"), action.ClickOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestClickOpensDialog(t *testing.T) {
	page := browsertest.Page(t, `<button id=b onclick="window.said = [alert('a'), confirm('b'), prompt('c')]">Ask</button>`)
	if err := action.Click(within(t, 20*time.Second), page, ref(t, page, "#b"), action.ClickOptions{}); err != nil {
		t.Fatal(err)
	}
	holds(t, page.Main(), `said[1] === false && said[2] === null`)
}

func TestClickAfterOpenSelect(t *testing.T) {
	page := browsertest.Page(t, told+`<select id=s><option>one<option>two</select><button id=b>Go</button>`)
	for _, selector := range []string{"#s", "#b"} {
		if err := action.Click(within(t, 20*time.Second), page, ref(t, page, selector), action.ClickOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	holds(t, page.Main(), `seen.some((s) => s.startsWith('click b'))`)
}

func TestRefOfFrameThatIsGone(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, map[string]string{
		"/": `<iframe src="{other}/inner"></iframe><iframe src="{self}/inside"></iframe>`, "/inner": `<button id=b>Go</button>`, "/inside": `<button id=b>Go</button>`,
	}))
	refs := []tab.Ref{refIn(t, frame(t, page, "/inner"), "#b"), refIn(t, frame(t, page, "/inside"), "#b")}
	value(t, page.Main(), `document.querySelectorAll('iframe').forEach((f) => f.remove())`)
	for _, r := range refs {
		refused(t, action.Click(within(t, 20*time.Second), page, r, action.ClickOptions{}), http.StatusNotFound, "the frame is gone", "take a new snapshot")
	}
}

func TestHoverAndScroll(t *testing.T) {
	page := browsertest.Page(t, told+`<button id=b disabled>Go</button><div style="height:3000px"></div><p id=p>end</p>`)
	if err := action.Hover(within(t, 20*time.Second), page, ref(t, page, "#b")); err != nil {
		t.Fatal(err)
	}
	if value(t, page.Main(), `document.getElementById('b').matches('button:hover')`) != "true" {
		t.Error("not hovered")
	}
	if err := action.ScrollIntoView(within(t, 20*time.Second), page, ref(t, page, "#p")); err != nil {
		t.Fatal(err)
	}
	if value(t, page.Main(), `document.getElementById('p').getBoundingClientRect().top < innerHeight`) != "true" {
		t.Error("not in view")
	}
}

// TestRestEnds clicks an element that was at rest when it was clicked before, and
// now moves by a script.
func TestRestEnds(t *testing.T) {
	page := browsertest.Page(t, `<button id=b style="position:absolute;left:0" onclick="n = (window.n || 0) + 1">Go</button>`)
	b := ref(t, page, "#b")
	click := func() error { return action.Click(within(t, time.Second), page, b, action.ClickOptions{}) }
	for range 3 { // the later ones need no frame any more
		if err := click(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := action.Evaluate(t.Context(), page, "window.x = 0; window.moving = setInterval(() => b.style.left = (++x % 300) + 'px', 4)", nil); err != nil {
		t.Fatal(err)
	}
	if err := action.Wait(within(t, 5*time.Second), page, action.Conditions{Fn: "x > 2"}); err != nil {
		t.Fatal(err)
	}
	refused(t, click(), 409, "is moving")
	if _, err := action.Evaluate(t.Context(), page, "clearInterval(window.moving)", nil); err != nil {
		t.Fatal(err)
	}
	if err := click(); err != nil {
		t.Error(err)
	}
	if got, err := action.Evaluate(t.Context(), page, "n", nil); err != nil || string(got) != "4" {
		t.Errorf("%s clicks arrived, %v", got, err)
	}
}
