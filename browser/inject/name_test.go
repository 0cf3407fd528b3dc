package inject_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// mostDifferent is the share of cases that may differ from Chromium's own
// accessibility tree, each with its reason in the table.
const mostDifferent = 0.02

// told maps the roles that Chromium has for itself to those we tell: what
// HTML-AAM says, or what serves who acts on the element.
var told = map[string]string{
	"DisclosureTriangle": "button",
	"ColorWell":          "textbox",
	"Date":               "textbox",
	"DateTime":           "textbox",
	"InputTime":          "textbox",
	"Iframe":             "iframe",
	"LayoutTable":        "table", // of <table>; see fact.expect for CSS tables
	"LayoutTableRow":     "row",
	"LayoutTableCell":    "cell",
}

// fact is what is told of one element, by us or by Chromium.
type fact struct {
	Label       string // tag#id
	Role        string
	Name        string
	Description string
	Hidden      bool
}

// TestNames compares roles, names, descriptions and what is hidden with
// Chromium's own accessibility tree (the table is that of Chromium 156), which
// is asked while the test runs, for every element of every page in
// testdata/names. What stands in a closed shadow
// root is out of reach for a script, and so of the comparison.
//
// A file there holds cases: a line "=== title", the HTML of the body, and lines
// "! tag#id what: reason" for the differences that are meant to be. A
// difference without such a line fails, as does a line without its difference.
func TestNames(t *testing.T) {
	cases := readCases(t)
	pages := make(map[string]string, len(cases))
	for i, c := range cases {
		pages[c.path(i)] = "<!doctype html><html><head><title>t</title></head><body>\n" + c.html
	}
	base := browsertest.Serve(t, pages)
	page := browsertest.Tab(t, "about:blank")
	// While it is enabled the tree is kept between two questions.
	if err := devtools.Do(t.Context(), page.Session(), accessibility.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	var elements, names, different int
	for i, c := range cases {
		if _, err := page.Navigate(t.Context(), strings.TrimSuffix(base, "/")+c.path(i)); err != nil {
			t.Fatalf("%s: %v", c.title, err)
		}
		ours, chromiums := c.survey(t, page)
		found := c.compare(t, ours, chromiums)
		elements += len(ours)
		if found > 0 {
			different++
		}
		for _, f := range chromiums {
			if f != nil && f.Name != "" {
				names++
			}
		}
	}
	t.Logf("%d cases, %d elements, %d of them with a name: %d cases (%.1f %%) differ from Chromium",
		len(cases), elements, names, different, 100*float64(different)/float64(len(cases)))
	if float64(different) >= mostDifferent*float64(len(cases)) {
		t.Errorf("%d of %d cases differ from Chromium", different, len(cases))
	}
}

// nameCase is one page of the table.
type nameCase struct {
	title, html string
	reasons     map[string]string // "tag#id what" → why it differs
}

func (c nameCase) path(i int) string { return "/" + strconv.Itoa(i) }

var differs = regexp.MustCompile(`^! (\S+ (?:role|name|description|hidden)): (.+)$`)

func readCases(t *testing.T) []nameCase {
	t.Helper()
	files, err := filepath.Glob("testdata/names/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/names: no files (%v)", err)
	}
	var cases []nameCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split("\n"+string(text), "\n=== ")[1:] {
			title, body, _ := strings.Cut(part, "\n")
			c := nameCase{title: filepath.Base(file) + ": " + title, reasons: map[string]string{}}
			for line := range strings.Lines(body) {
				if m := differs.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
					c.reasons[m[1]] = m[2]
				} else {
					c.html += line
				}
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// compare returns how many differences there are. Elements that Chromium tells
// nothing about are nil in chromiums.
func (c nameCase) compare(t *testing.T, ours []fact, chromiums []*fact) int {
	t.Helper()
	open := maps.Clone(c.reasons)
	found := 0
	differ := func(f fact, what string, got, want any) {
		if got == want {
			return
		}
		found++
		at := f.Label + " " + what
		if _, ok := c.reasons[at]; !ok {
			t.Errorf("%s: %s is %q, Chromium has %q", c.title, at, fmt.Sprint(got), fmt.Sprint(want))
		}
		delete(open, at)
	}
	for i, f := range ours {
		want := chromiums[i]
		if want == nil {
			continue
		}
		differ(f, "hidden", f.Hidden, want.Hidden)
		if want.Hidden {
			continue
		}
		differ(f, "role", f.Role, want.Role)
		differ(f, "name", f.Name, want.Name)
		differ(f, "description", f.Description, want.Description)
	}
	for at := range open {
		t.Errorf("%s: %s no longer differs: take its line out of the table", c.title, at)
	}
	return found
}

// all tells the elements of a page that can be told of, those in open shadow
// roots too.
const all = `function() {
	const skip = new Set(['html', 'head', 'body', 'title', 'script', 'style', 'meta', 'link', 'template', 'noscript', 'br', 'wbr', 'col', 'colgroup', 'map', 'datalist']);
	const list = [];
	const add = (root) => {
		for (const el of root.querySelectorAll('*')) {
			if (!skip.has(el.localName) || el instanceof SVGElement) list.push(el);
			if (el.shadowRoot) add(el.shadowRoot);
		}
	};
	add(document);
	return list;
}`

const facts = `function() {
	const c = clawdbot;
	return c.naming(() => this.map((el) => ({
		Label: el.localName + (el.id && '#' + el.id),
		Role: c.role(el), Name: c.name(el), Description: c.description(el), Hidden: c.hidden(el),
	})));
}`

// survey tells of all elements of the page what our script says, and at the
// same place what Chromium says.
func (c nameCase) survey(t *testing.T, page *tab.Tab) (ours []fact, chromiums []*fact) {
	t.Helper()
	list := on(t, page, root(t, page), all, false).ObjectID
	if err := devtools.Decode(on(t, page, list, facts, true).Value, &ours); err != nil {
		t.Fatalf("%s: %v", c.title, err)
	}
	own := true
	properties, err := devtools.Call(t.Context(), page.Session(), runtime.GetProperties, runtime.GetPropertiesParams{ObjectID: list, OwnProperties: &own})
	if err != nil {
		t.Fatal(err)
	}
	chromiums = make([]*fact, len(ours))
	errs := make([]error, len(ours))
	var asked sync.WaitGroup
	for _, p := range properties.Result {
		if i, err := strconv.Atoi(p.Name); err == nil {
			asked.Go(func() { chromiums[i], errs[i] = chromiumFact(t.Context(), page, p.Value.ObjectID, ours[i].Label) })
		}
	}
	asked.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("%s: %v", c.title, err)
	}
	return ours, chromiums
}

// root is the page's <html>, as an object of the isolated world.
func root(t testing.TB, page *tab.Tab) runtime.RemoteObjectID {
	t.Helper()
	var n int
	if err := page.Main().Call(t.Context(), "find", &n, "html"); err != nil {
		t.Fatal(err)
	}
	html, err := tab.Ref{Frame: page.Main(), N: n}.Object(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return html
}

// on calls a function on an object of the isolated world.
func on(t testing.TB, page *tab.Tab, id runtime.RemoteObjectID, function string, byValue bool) *runtime.RemoteObject {
	t.Helper()
	r, err := devtools.Call(t.Context(), page.Session(), runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		ObjectID: id, FunctionDeclaration: function, ReturnByValue: &byValue,
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.ExceptionDetails != nil {
		t.Fatalf("the script threw: %s", r.ExceptionDetails.Exception.Description)
	}
	return r.Result
}

// chromiumFact is nil for an element that the accessibility tree leaves out
// though it is not hidden, such as a plain span.
func chromiumFact(ctx context.Context, page *tab.Tab, id runtime.RemoteObjectID, label string) (*fact, error) {
	no := false
	tree, err := devtools.Call(ctx, page.Session(), accessibility.GetPartialAXTree,
		accessibility.GetPartialAXTreeParams{ObjectID: id, FetchRelatives: &no})
	if err != nil {
		return nil, err
	}
	n := tree.Nodes[0]
	if !n.Ignored {
		return &fact{Role: chromiumRole(n.Role, label), Name: text(n.Name), Description: text(n.Description)}, nil
	}
	hidden := slices.ContainsFunc(n.IgnoredReasons, func(p *accessibility.Property) bool {
		switch p.Name {
		case accessibility.PropertyNameAriaHiddenElement, accessibility.PropertyNameAriaHiddenSubtree,
			accessibility.PropertyNameInertElement, accessibility.PropertyNameInertSubtree,
			accessibility.PropertyNameNotRendered, accessibility.PropertyNameNotVisible,
			accessibility.PropertyNameActiveModalDialog, accessibility.PropertyNameActiveAriaModalDialog:
			return true
		}
		return false
	})
	if !hidden {
		return nil, nil
	}
	return &fact{Hidden: true}, nil
}

func chromiumRole(v *accessibility.Value, label string) string {
	role := text(v)
	tag, _, _ := strings.Cut(label, "#")
	switch {
	case role == "generic" || role == "none":
		return ""
	case v.Type != accessibility.ValueTypeInternalRole:
		return role
	case strings.HasPrefix(role, "LayoutTable") && !slices.Contains([]string{"table", "tr", "td", "th"}, tag):
		return "" // a table by CSS alone
	}
	return told[role]
}

var space = regexp.MustCompile(`[ \t\n\r\f]+`)

// text is a value with its white space as accname has it; Chromium leaves at
// the ends of a name what the layout left there.
func text(v *accessibility.Value) string {
	if v == nil || len(v.Value) == 0 {
		return ""
	}
	var s string
	if devtools.Decode(v.Value, &s) != nil {
		s = string(v.Value) // equal to nothing of ours
	}
	return strings.Trim(space.ReplaceAllString(s, " "), " ")
}

// TestDeepPage: nothing of a page that is nested deeper than the stack goes
// throws, wherever one begins.
func TestDeepPage(t *testing.T) {
	page := browsertest.Page(t, `<!doctype html><button id="b">x</button><script>
		let at = document.getElementById('b');
		for (let i = 0; i < 4000; i++) at = at.appendChild(document.createElement('span'));
		at.id = 'last';
		at.textContent = 'deep';
	</script>`)
	got := on(t, page, root(t, page), `function() {
		const c = clawdbot, last = document.getElementById('last'), button = document.getElementById('b');
		return [c.hidden(last), c.role(last), c.text(last), c.role(button), typeof c.name(button)];
	}`, true)
	if want := `[false,"","deep","button","string"]`; string(got.Value) != want {
		t.Errorf("got %s, want %s", got.Value, want)
	}
}

// BenchmarkNames walks a page of 2,000 rows and 14,000 elements for roles,
// names and what is hidden. cpu-ms/walk is the processor time of the page's
// thread, which a busy host does not change.
func BenchmarkNames(b *testing.B) {
	row := `<tr><td>%d</td><td><a href="#">item %d</a></td><td>text</td><td><button>go</button></td></tr>`
	var rows strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&rows, row, i, i)
	}
	page := browsertest.Page(b, "<!doctype html><table><tr><th>a<th>b<th>c<th>d</tr>"+rows.String()+"</table>")
	html := root(b, page)
	domain := performance.EnableTimeDomainThreadTicks
	if err := devtools.Do(b.Context(), page.Session(), performance.Enable, performance.EnableParams{TimeDomain: domain}); err != nil {
		b.Fatal(err)
	}
	on(b, page, html, walk, true)
	before := threadTime(b, page)
	for b.Loop() {
		on(b, page, html, walk, true)
	}
	b.ReportMetric(1000*(threadTime(b, page)-before)/float64(b.N), "cpu-ms/walk")
}

const walk = `function() {
	const c = clawdbot;
	const go = (el) => {
		if (c.hidden(el)) return;
		c.role(el);
		c.name(el);
		for (let child = el.firstElementChild; child; child = child.nextElementSibling) go(child);
	};
	c.naming(() => go(document.body));
}`

// threadTime is the processor time of the page's main thread so far, in seconds.
func threadTime(b *testing.B, page *tab.Tab) float64 {
	b.Helper()
	got, err := devtools.Call(b.Context(), page.Session(), performance.GetMetrics, cdp.Empty{})
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range got.Metrics {
		if m.Name == "ThreadTime" {
			return m.Value
		}
	}
	b.Fatal("Chromium tells no ThreadTime")
	return 0
}
