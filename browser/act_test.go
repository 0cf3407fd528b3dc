package browser

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"

	"clawdbot/browser/api"
	"clawdbot/browser/browsertest"
	"clawdbot/browser/devtools"
)

const form = `<title>Form</title><form onsubmit="event.preventDefault(); window.sent = new FormData(this).get('name')">
	<label>Name <input name=name></label><label>Age <input type=number></label><label>News <input type=checkbox></label>
	<label>Size <select><option value=s>Small</option><option value=l>Large</option></select></label>
	<button type=button onclick="this.textContent='Clicked'">Press me</button><button>Send</button><button disabled>Never</button></form>`

// refs takes a snapshot and returns the refs of its elements by their names.
func (s *site) refs(t *testing.T) map[string]string {
	t.Helper()
	var snap api.Snapshot
	s.ok(t, "GET", "/snapshot?interactive=1", "", &snap)
	refs := map[string]string{}
	for ref, about := range snap.Refs {
		refs[about.Name] = ref
	}
	return refs
}

func (s *site) act(t *testing.T, format string, a ...any) api.Acted {
	t.Helper()
	var out api.Acted
	s.ok(t, "POST", "/act", fmt.Sprintf(format, a...), &out)
	if !out.OK || out.TargetID == "" || out.GatewayProfile != "main" {
		t.Errorf("%+v", out)
	}
	return out
}

// evaluates is the result of a script, as JSON.
func (s *site) evaluates(t *testing.T, fn string) string {
	t.Helper()
	return string(s.act(t, `{"kind":"evaluate","fn":%q}`, fn).Result)
}

func TestAct(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	base := browsertest.Serve(t, map[string]string{"/": form})
	s.ok(t, "POST", "/tabs/open", fmt.Sprintf(`{"url":%q}`, base), nil)
	r := s.refs(t)
	if out := s.act(t, `{"kind":"click","ref":%q,"timeoutMs":"5000"}`, r["Press me"]); out.URL != base {
		t.Errorf("%+v", out)
	}
	s.act(t, `{"kind":"type","ref":"@%s","text":"Ada"}`, r["Name"])
	s.act(t, `{"kind":"type","ref":"ref=%s","text":" L","slowly":"yes","submit":1}`, r["Name"])
	s.act(t, `{"kind":"hover","ref":%q}`, r["Press me"])
	s.act(t, `{"kind":"scrollIntoView","ref":%q}`, r["Press me"])
	s.act(t, `{"kind":"drag","startRef":%q,"endRef":%q}`, r["Press me"], r["Name"])
	s.act(t, `{"kind":"select","ref":%q,"values":["Large"]}`, r["Size"])
	s.act(t, `{"kind":"fill","fields":[{"ref":%q,"type":"text","value":36},{"ref":%q,"type":"checkbox","value":"true"}]}`, r["Age"], r["News"])
	s.act(t, `{"kind":"press","key":"Tab","delayMs":5}`)
	if got := s.evaluates(t, `[sent, ...[...document.querySelectorAll('input,select')].map((e) => e.type === 'checkbox' ? e.checked : e.value), document.querySelector('button').textContent]`); got != `["Ada L","Ada L","36",true,"l","Clicked"]` {
		t.Error(got)
	}
	s.act(t, `{"kind":"uncheck","ref":%q}`, r["News"])
	s.act(t, `{"kind":"check","ref":%q}`, r["News"])
	if out := s.act(t, `{"kind":"evaluate","fn":"(el) => [el.checked, el.name]","ref":%q}`, r["News"]); string(out.Result) != `[true,""]` || out.URL != base {
		t.Errorf("%s %s", out.Result, out.URL)
	}
	s.act(t, `{"kind":"wait","timeMs":10,"text":"clicked","textGone":"Press me","selector":"button","url":"**/","loadState":"load","fn":"sent"}`)
	s.act(t, `{"kind":"resize","width":640,"height":480}`)
	if got := s.evaluates(t, "[innerWidth, innerHeight]"); got != "[640,480]" {
		t.Error(got)
	}
	s.act(t, `{"kind":"close"}`)
	var left api.Tabs
	s.ok(t, "GET", "/tabs", "", &left)
	for _, tab := range left.Tabs {
		if tab.URL == base {
			t.Errorf("still open: %+v", tab)
		}
	}
}

func TestActRefused(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	s.ok(t, "POST", "/tabs/open", fmt.Sprintf(`{"url":%q}`, "data:text/html,"+url.PathEscape(form)), nil)
	r := s.refs(t)
	for body, want := range map[string]struct {
		status int
		says   string
	}{
		`{}`:               {400, `no kind "": there is click, type`},
		`{"kind":"tap"}`:   {400, `no kind "tap"`},
		`{"kind":"click"}`: {400, "ref is required"},
		`{"kind":"click","ref":"e1","selector":"a"}`:                                                 {400, "takes no selector"},
		`{"kind":"click","ref":"button"}`:                                                            {404, "take a new snapshot"},
		`{"kind":"click","ref":"e9999"}`:                                                             {404, "take a new snapshot"},
		`{"kind":"click","ref":"f7e1"}`:                                                              {404, "take a new snapshot"},
		`{"kind":"click","ref":"` + r["Name"] + `","button":"top"}`:                                  {400, "left, right and middle"},
		`{"kind":"click","ref":"` + r["Name"] + `","modifiers":["Fn"]}`:                              {400, "ControlOrMeta"},
		`{"kind":"click","ref":"` + r["Never"] + `","timeoutMs":1}`:                                  {409, "is disabled"},
		`{"kind":"click","ref":"e1","timeoutMs":"soon"}`:                                             {400, "timeoutMs must be"},
		`{"kind":"press"}`:                                                                           {400, "key is required"},
		`{"kind":"press","key":"Entre"}`:                                                             {400, "Enter"},
		`{"kind":"drag","startRef":"e1"}`:                                                            {400, "endRef is required"},
		`{"kind":"select","ref":"` + r["Size"] + `"}`:                                                {400, "values is required"},
		`{"kind":"select","ref":"` + r["Size"] + `","values":["XL"],"timeoutMs":500}`:                {409, `"s" (Small), "l" (Large)`},
		`{"kind":"fill"}`:                                                                            {400, "fields is required"},
		`{"kind":"fill","fields":[{"value":1}]}`:                                                     {400, "fields[0].ref is required"},
		`{"kind":"fill","fields":[{"ref":"` + r["Name"] + `","value":[1]}]}`:                         {400, "fields[0].value"},
		`{"kind":"fill","fields":[{"ref":"` + r["News"] + `","type":"checkbox","value":"perhaps"}]}`: {400, "true or false for a checkbox"},
		`{"kind":"resize","width":640}`:                                                              {400, "from 1 to 10000"},
		`{"kind":"wait"}`:                                                                            {400, "wait: one of timeMs"},
		`{"kind":"wait","timeMs":-1}`:                                                                {400, "from 0 to 120000"},
		`{"kind":"wait","timeMs":9000000000000000}`:                                                  {400, "from 0 to 120000"},
		`{"kind":"wait","selector":"a[","timeoutMs":500}`:                                            {400, "not a CSS selector"},
		`{"kind":"wait","text":"no","timeoutMs":500}`:                                                {500, "within 500 ms"},
		`{"kind":"evaluate"}`:                                                                        {400, "fn is required"},
		`{"kind":"evaluate","fn":"() => { for(;;); }","timeoutMs":500}`:                              {500, "within 500 ms"},
		`{"kind":"click","ref":"e1","targetId":"nope"}`:                                              {404, "nope"},
	} {
		s.refused(t, "POST", "/act", body, want.status, want.says)
	}
}

// A page that crashed can be navigated again; a Chromium that was killed is said
// to be gone, and the next open starts another.
func TestActOverCrashes(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	base := browsertest.Serve(t, map[string]string{"/": form})
	open := fmt.Sprintf(`{"url":%q}`, base)
	s.ok(t, "POST", "/tabs/open", open, nil)
	click := fmt.Sprintf(`{"kind":"click","ref":%q}`, s.refs(t)["Press me"])
	s.act(t, "%s", click)
	b, err := s.browsers.named("")
	if err != nil {
		t.Fatal(err)
	}
	tab, err := b.tab(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	devtools.Post(t.Context(), tab.Session(), page.Navigate, page.NavigateParams{URL: "chrome://crash"})
	eventually(t, "the page crashes", tab.Session().Crashed)
	s.refused(t, "POST", "/act", click, 409, "crashed: navigate it again")
	s.ok(t, "POST", "/navigate", open, nil)
	s.refused(t, "POST", "/act", click, 404, "take a new snapshot")
	click = fmt.Sprintf(`{"kind":"click","ref":%q}`, s.refs(t)["Press me"])
	s.act(t, "%s", click)
	devtools.Post(t.Context(), tab.Session().Conn().Root(), cdpbrowser.Crash, cdp.Empty{})
	<-tab.Session().Conn().Lost()
	s.refused(t, "POST", "/act", click, 409, "browser not running")
	s.ok(t, "POST", "/tabs/open", open, nil)
	s.act(t, `{"kind":"click","ref":%q}`, s.refs(t)["Press me"])
}

func TestTabsAction(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	do := func(body string) (out api.TabsActed) {
		t.Helper()
		s.ok(t, "POST", "/tabs/action", body, &out)
		return out
	}
	var raw map[string]json.RawMessage
	s.ok(t, "POST", "/tabs/action", `{"action":"list"}`, &raw)
	if string(raw["tabs"]) != "[]" {
		t.Errorf("without a browser: %s", raw["tabs"])
	}
	first := do(`{"action":"new"}`)
	second := do(`{"action":"new"}`)
	if first.Tab == nil || second.Tab == nil || first.Tab.TargetID == second.Tab.TargetID {
		t.Fatalf("%+v %+v", first, second)
	}
	tabs := do(`{"action":"list"}`).Tabs
	if len(tabs) != 2 {
		t.Fatalf("%+v", tabs)
	}
	if out := do(`{"action":"select","index":"1"}`); out.TargetID != tabs[1].TargetID {
		t.Errorf("%+v", out)
	}
	if out := s.act(t, `{"kind":"evaluate","fn":"1"}`); out.TargetID != tabs[1].TargetID {
		t.Errorf("the selected tab is not used: %+v", out)
	}
	if out := do(`{"action":"close","index":1}`); out.TargetID != tabs[1].TargetID {
		t.Errorf("%+v", out)
	}
	s.refused(t, "POST", "/tabs/action", `{"action":"select","index":5}`, 404, "tab not found; open tabs: 1")
	s.refused(t, "POST", "/tabs/action", `{"action":"select"}`, 400, "index is required")
	s.refused(t, "POST", "/tabs/action", `{"action":"fly"}`, 400, "list, new, close and select")
	if out := do(`{"action":"close"}`); out.TargetID != tabs[0].TargetID {
		t.Errorf("%+v", out)
	}
}
