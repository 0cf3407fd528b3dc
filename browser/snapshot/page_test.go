package snapshot_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/browsertest"
	"clawdbot/browser/snapshot"
)

func evaluate(script string) runtime.EvaluateParams {
	yes := true
	return runtime.EvaluateParams{Expression: script, AwaitPromise: &yes}
}

const shop = `<title>shop</title><body>
<h1>Apples: best</h1><p>Hello <b>bold</b> <code>code</code><br>world <a href="/x">go # there</a> tail</p>
<nav aria-label="Main"><ul><li>one</li><li>two <a href="https://e.test/y?z=1#q">link</a></li></ul></nav>
<button aria-label="Buy now">x</button><button disabled>Sold</button><button aria-expanded=true aria-pressed=mixed>More</button>
<label>Name <input value="three"></label><input placeholder="Your city"><input type=password aria-label=Secret value=hunter2>
<input type=checkbox checked aria-label=Fresh>
<select aria-label=Size><option>small</option><option selected>large</option></select>
<textarea aria-label=Note>line 1
line 2</textarea>
<div onclick="1">click <span>me</span></div><div style="cursor:pointer">hand</div><div tabindex=0>stop</div><div>a</div><div>b</div>
<table><tr><th>Fruit</th></tr><tr><td>apple</td><td><button>Eat</button></td></tr></table>
<img alt="logo" src="data:,"><div style="display:none">unseen</div><div aria-hidden=true>unheard</div>
<div style="visibility:hidden">gone <i style="visibility:visible">kept</i></div>
<details>unopened<summary>Open</summary><p>folded</p></details><button><svg width=9 height=9><path d="M0 0h5v5z"/></svg></button><canvas></canvas>`

func TestTake(t *testing.T) {
	page := browsertest.Page(t, shop)
	do(t, page, `document.querySelector("input").focus()`)
	is(t, take(t, page, snapshot.Options{}), `
- 'heading "Apples: best" [level=1] [ref=e1]'
- paragraph [ref=e2]:
  - text [ref=e3]: Hello bold code world
  - 'link "go # there" [ref=e4]':
    - /url: /x
  - text [ref=e5]: tail
- navigation "Main" [ref=e6]:
  - list [ref=e7]:
    - listitem [ref=e8]: one
    - listitem [ref=e9]:
      - text [ref=e10]: two
      - link "link" [ref=e11]:
        - /url: https://e.test/y?z=1#q
- button "Buy now" [ref=e12]: x
- button "Sold" [disabled] [ref=e13]
- button "More" [expanded] [pressed=mixed] [ref=e14]
- text [ref=e15]: Name
- textbox "Name" [active] [ref=e16]: three
- textbox "Your city" [ref=e17]
- textbox "Secret" [ref=e18]: •••••••
- checkbox "Fresh" [checked] [ref=e19]
- combobox "Size" [ref=e20]:
  - option "small"
  - option "large" [selected]
- textbox "Note" [ref=e21]: line 1 line 2
- generic [ref=e22]: click me
- generic [ref=e23] [cursor=pointer]: hand
- generic [ref=e24]: stop
- text [ref=e25]: a
- text [ref=e26]: b
- table [ref=e27]:
  - row [ref=e28]:
    - columnheader "Fruit" [ref=e29]
  - row [ref=e30]:
    - cell "apple" [ref=e31]
    - cell "Eat" [ref=e32]:
      - button "Eat" [ref=e33]
- img "logo" [ref=e34]
- text [ref=e35]: kept
- group [ref=e36]:
  - button "Open" [ref=e37]
- button [ref=e38]
- canvas [ref=e39]`)

	interactive := take(t, page, snapshot.Options{Interactive: true})
	is(t, interactive, `
- 'link "go # there" [ref=e4]'
- link "link" [ref=e11]
- button "Buy now" [ref=e12]
- button "Sold" [disabled] [ref=e13]
- button "More" [expanded] [pressed=mixed] [ref=e14]
- textbox "Name" [active] [ref=e16]: three
- textbox "Your city" [ref=e17]
- textbox "Secret" [ref=e18]: •••••••
- checkbox "Fresh" [checked] [ref=e19]
- combobox "Size" [ref=e20]: large
- textbox "Note" [ref=e21]: line 1 line 2
- generic "click me" [ref=e22]
- generic "hand" [ref=e23] [cursor=pointer]
- generic "stop" [ref=e24]
- button "Eat" [ref=e33]
- button "Open" [ref=e37]
- button [ref=e38]`)
	if interactive.Stats.Refs != 17 || interactive.Stats.Interactive != 17 || interactive.Stats.Lines != 17 || len(interactive.Refs) != 17 {
		t.Errorf("%+v", interactive.Stats)
	}
	if got := interactive.Refs["e12"]; got != (api.SnapshotRef{Role: "button", Name: "Buy now"}) {
		t.Errorf("e12 is %+v", got)
	}
	is(t, take(t, page, snapshot.Options{Selector: "nav", Compact: true}), `
- navigation "Main" [ref=e6]:
  - listitem [ref=e8]: one
  - text [ref=e10]: two
  - link "link" [ref=e11]:
    - /url: https://e.test/y?z=1#q`)
	is(t, take(t, page, snapshot.Options{Selector: "nav", Depth: 1}), `
- navigation "Main" [ref=e6]:
  - list [ref=e7]`)
	is(t, take(t, page, snapshot.Options{Selector: "table", MaxChars: 90}), `
- table [ref=e27]:
  - row [ref=e28]:
    - columnheader "Fruit" [ref=e29]
# there is more: ask for more maxChars, or for less with interactive, depth or selector`)
}

func TestNothing(t *testing.T) {
	page := browsertest.Tab(t, "about:blank")
	is(t, take(t, page, snapshot.Options{}), "# the page is empty")
	is(t, take(t, page, snapshot.Options{Interactive: true}), "# nothing here can be operated")
	do(t, page, `document.documentElement.remove()`)
	is(t, take(t, page, snapshot.Options{}), "# the page is empty")
}

// TestRefsLast: a node keeps its ref through changes of the page around it, and
// nothing else ever gets it.
func TestRefsLast(t *testing.T) {
	page := browsertest.Page(t, `<ul><li>one</li><li><button>Go</button> text</li></ul>`)
	before := take(t, page, snapshot.Options{})
	ref, text := refTo(t, before, `button "Go"`), refTo(t, before, "text")
	do(t, page, `document.querySelector('ul').prepend(document.createElement('button')); document.querySelectorAll('button')[1].textContent = 'Gone'`)
	after := take(t, page, snapshot.Options{})
	if got := refTo(t, after, `button "Gone"`); got != ref {
		t.Errorf("the button's ref was %s and is %s", ref, got)
	}
	if got := refTo(t, after, "text"); got != text {
		t.Errorf("the text's ref was %s and is %s", text, got)
	}
	if fresh := refTo(t, after, "button ["); before.Refs[fresh] != (api.SnapshotRef{}) {
		t.Errorf("a new button got the old ref %s", fresh)
	}
	address := page.URL()
	if _, err := page.Navigate(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	for ref := range take(t, page, snapshot.Options{}).Refs {
		if _, old := before.Refs[ref]; old {
			t.Errorf("%s names another node after a navigation", ref)
		}
	}
}

func TestBadArguments(t *testing.T) {
	page := browsertest.Page(t, `<p id=p>x`)
	for _, c := range []struct {
		options snapshot.Options
		status  int
		want    string
	}{
		{snapshot.Options{Selector: "p["}, 400, `"p["`},
		{snapshot.Options{Selector: "#none"}, 404, `"#none"`},
		{snapshot.Options{Frame: "#none"}, 404, `"#none"`},
		{snapshot.Options{Frame: "#p"}, 404, `frame "#p"`},
		{snapshot.Options{Frame: "e77"}, 404, `frame "e77"`},
	} {
		_, err := snapshot.Take(t.Context(), page, c.options)
		if err == nil || !strings.Contains(err.Error(), c.want) || statusOf(err) != c.status {
			t.Errorf("%+v: %v (%d), want %d with %s", c.options, err, statusOf(err), c.status, c.want)
		}
	}
}

// statusOf is how the server answers an error.
func statusOf(err error) int {
	if p, ok := err.(interface{ Status() int }); ok {
		return p.Status()
	}
	return api.StatusOf(err)
}

func TestAria(t *testing.T) {
	page := browsertest.Page(t, `<title>shop</title><h1>Apples</h1><button aria-label="Buy now">x</button><input value="three"><iframe srcdoc="<h2>Inner</h2>"></iframe>`)
	nodes, err := snapshot.Aria(t.Context(), page, "")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]api.AriaNode{}
	for _, n := range nodes {
		found[n.Role+" "+n.Name] = n
	}
	if nodes[0].Role != "RootWebArea" || nodes[0].Depth != 0 || nodes[0].Ref != "ax1" {
		t.Errorf("the first is %+v", nodes[0])
	}
	if found["heading Apples"].Depth != 1 || found["button Buy now"].BackendDOMNodeID == 0 || found["textbox "].Value != "three" {
		t.Errorf("nodes: %+v", nodes)
	}
	inner, err := snapshot.Aria(t.Context(), page, "iframe")
	if err != nil || len(inner) < 2 || inner[1].Name != "Inner" {
		t.Errorf("in the frame: %+v, %v", inner, err)
	}
}
