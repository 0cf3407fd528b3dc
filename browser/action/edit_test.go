package action_test

import (
	"net/http"
	"testing"
	"time"

	"clawdbot/browser/action"
	"clawdbot/browser/browsertest"
)

func TestType(t *testing.T) {
	for name, c := range map[string]struct{ html, text, want string }{
		"input":           {`<input id=e value=old>`, "new text", "new text"},
		"password":        {`<input id=e type=password>`, "geheim", "geheim"},
		"number":          {`<input id=e type=number value=3>`, "-4.5e3", "-4.5e3"},
		"email":           {`<input id=e type=email value=a@b>`, "x@y.example", "x@y.example"},
		"textarea":        {`<textarea id=e>old</textarea>`, "a\nb", `a\nb`},
		"nothing":         {`<input id=e value=old>`, "", ""},
		"other scripts":   {`<input id=e>`, "žluťoučký 猫 👩‍💻", "žluťoučký 猫 👩‍💻"},
		"date":            {`<input id=e type=date>`, "2024-02-29", "2024-02-29"},
		"time":            {`<input id=e type=time>`, "13:45", "13:45"},
		"month":           {`<input id=e type=month>`, "2024-12", "2024-12"},
		"week":            {`<input id=e type=week>`, "2024-W05", "2024-W05"},
		"date and time":   {`<input id=e type=datetime-local>`, "2024-02-29T13:45", "2024-02-29T13:45"},
		"color":           {`<input id=e type=color>`, "#FF8800", "#ff8800"},
		"range":           {`<input id=e type=range min=10 max=20 step=5>`, "15", "15"},
		"through a label": {`<label id=e>Name <input></label>`, "Ada", "Ada"},
		"read only later": {`<input id=e readonly><script>setTimeout(() => { document.getElementById('e').readOnly = false }, 200)</script>`, "x", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			page := browsertest.Page(t, `<script>const seen = []; for (const k of ['input', 'change']) addEventListener(k, (e) => seen.push(k), true)</script>`+c.html)
			if err := action.Type(within(t, 20*time.Second), page, ref(t, page, "#e"), c.text, action.TypeOptions{}); err != nil {
				t.Fatal(err)
			}
			if got := value(t, page.Main(), `document.querySelector('input, textarea').value`); got != `"`+c.want+`"` {
				t.Errorf("%s, not %q", got, c.want)
			}
			if value(t, page.Main(), `seen.includes('input')`) != "true" {
				t.Error("the page was not told")
			}
		})
	}
}

func TestTypeIntoEditableContent(t *testing.T) {
	page := browsertest.Page(t, `<div id=e contenteditable>old <b>text</b></div>`)
	e := ref(t, page, "#e")
	if err := action.Type(within(t, 20*time.Second), page, e, "new", action.TypeOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := value(t, page.Main(), `document.getElementById('e').innerText`); got != `"new"` {
		t.Errorf("%s", got)
	}
	if err := action.Type(within(t, 20*time.Second), page, e, "", action.TypeOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := value(t, page.Main(), `document.getElementById('e').innerText.trim()`); got != `""` {
		t.Errorf("%s", got)
	}
}

func TestTypeSlowlyAndSubmit(t *testing.T) {
	base := browsertest.Serve(t, map[string]string{
		"/": `<form action="/found"><input id=q name=q value="a"></form>
			<script>const keys = []; addEventListener('keydown', (e) => keys.push(e.key))</script>`,
		"/found": `found`,
	})
	page := browsertest.Tab(t, base)
	start := time.Now()
	if err := action.Type(within(t, 20*time.Second), page, ref(t, page, "#q"), "bCž", action.TypeOptions{Slowly: true}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 150*time.Millisecond {
		t.Errorf("three characters took %v", took)
	}
	if got := value(t, page.Main(), `document.getElementById('q').value + keys`); got != `"abCžb,C"` {
		t.Errorf("%s", got)
	}
	if err := action.Type(within(t, 20*time.Second), page, ref(t, page, "#q"), "cats", action.TypeOptions{Submit: true}); err != nil {
		t.Fatal(err)
	}
	if page.URL() != base+"found?q=cats" {
		t.Errorf("at %s", page.URL())
	}
}

func TestTypeRefused(t *testing.T) {
	for name, c := range map[string]struct {
		html, text string
		status     int
		parts      []string
	}{
		"no field":       {`<p id=e>text</p>`, "x", http.StatusConflict, []string{`<p id="e"> takes no text`}},
		"button":         {`<button id=e>Go</button>`, "x", http.StatusConflict, []string{"takes no text"}},
		"select":         {`<select id=e><option>a</select>`, "x", http.StatusConflict, []string{"use select"}},
		"checkbox":       {`<input id=e type=checkbox>`, "x", http.StatusConflict, []string{"takes no text: use click"}},
		"file":           {`<input id=e type=file>`, "x", http.StatusConflict, []string{"file chooser"}},
		"read-only":      {`<input id=e readonly>`, "x", http.StatusConflict, []string{"is read-only", "waited"}},
		"disabled":       {`<input id=e disabled>`, "x", http.StatusConflict, []string{"is disabled", "waited"}},
		"hidden":         {`<input id=e hidden>`, "x", http.StatusConflict, []string{"is hidden"}},
		"number":         {`<input id=e type=number>`, "many", http.StatusBadRequest, []string{`cannot hold "many"`, "a number"}},
		"date":           {`<input id=e type=date>`, "29.2.2024", http.StatusBadRequest, []string{`cannot hold "29.2.2024"`, "yyyy-mm-dd"}},
		"color":          {`<input id=e type=color>`, "red", http.StatusBadRequest, []string{"#rrggbb"}},
		"range":          {`<input id=e type=range min=1 max=5 step=2>`, "4", http.StatusBadRequest, []string{"from 1 to 5 in steps of 2"}},
		"takes no focus": {`<input id=e onfocus="document.getElementById('o').focus()"><input id=o>`, "x", http.StatusConflict, []string{"does not keep the focus", `<input id="o">`}},
	} {
		t.Run(name, func(t *testing.T) {
			page := browsertest.Page(t, c.html)
			e := ref(t, page, "#e")
			err := action.Type(within(t, 700*time.Millisecond), page, e, c.text, action.TypeOptions{})
			refused(t, err, c.status, c.parts...)
		})
	}
}

func TestSelect(t *testing.T) {
	const options = `<option value=a>Alpha</option><option value=b>Beta  two</option><option value=c disabled>Gamma</option>`
	page := browsertest.Page(t, `<select id=one onchange="window.changed=this.value">`+options+`</select><select id=many multiple>`+options+`</select><p id=p>no</p>`)
	ctx := within(t, 20*time.Second)
	one, many := ref(t, page, "#one"), ref(t, page, "#many")
	for _, c := range []struct{ given, want string }{{"b", "b"}, {"Alpha", "a"}, {"Beta two", "b"}} {
		if err := action.Select(ctx, page, one, []string{c.given}); err != nil {
			t.Fatal(err)
		}
		if got := value(t, page.Main(), "changed"); got != `"`+c.want+`"` {
			t.Errorf("%s, not %s", got, c.want)
		}
	}
	for _, c := range []struct {
		given []string
		want  string
	}{{[]string{"a", "Beta two"}, `"a,b"`}, {[]string{"b"}, `"b"`}, {[]string{}, `""`}} {
		if err := action.Select(ctx, page, many, c.given); err != nil {
			t.Fatal(err)
		}
		if got := value(t, page.Main(), `[...document.getElementById('many').selectedOptions].map((o) => o.value).join()`); got != c.want {
			t.Errorf("%s, not %s", got, c.want)
		}
	}
	refused(t, action.Select(ctx, page, one, []string{"z"}), http.StatusConflict, `no option "z"`, `"a" (Alpha)`, `"b" (Beta two)`)
	refused(t, action.Select(ctx, page, one, []string{"a", "b"}), http.StatusBadRequest, "takes one value, not 2")
	refused(t, action.Select(within(t, 700*time.Millisecond), page, one, []string{"c"}), http.StatusConflict, `option "c" disabled`)
	refused(t, action.Select(ctx, page, ref(t, page, "#p"), []string{"c"}), http.StatusConflict, "not a <select>")
}

func TestCheck(t *testing.T) {
	page := browsertest.Page(t, `<input id=c type=checkbox><input id=r1 type=radio name=r><input id=r2 type=radio name=r>
		<div id=s role=switch aria-checked=false onclick="this.setAttribute('aria-checked', this.getAttribute('aria-checked') !== 'true')">S</div>
		<input id=no type=checkbox onclick="event.preventDefault()"><p id=p>no</p>`)
	ctx := within(t, 20*time.Second)
	checked := func(id string) string {
		return value(t, page.Main(), `(e => e.checked ?? e.getAttribute('aria-checked') === 'true')(document.getElementById('`+id+`'))`)
	}
	for _, id := range []string{"c", "r1", "s"} {
		for _, on := range []bool{true, true} {
			if err := action.Check(ctx, page, ref(t, page, "#"+id), on); err != nil {
				t.Fatal(err)
			}
			if checked(id) != "true" {
				t.Errorf("%s is not checked", id)
			}
		}
	}
	for _, id := range []string{"c", "s"} {
		if err := action.Check(ctx, page, ref(t, page, "#"+id), false); err != nil {
			t.Fatal(err)
		}
		if checked(id) != "false" {
			t.Errorf("%s is checked", id)
		}
	}
	refused(t, action.Check(ctx, page, ref(t, page, "#r1"), false), http.StatusBadRequest, "check another one")
	refused(t, action.Check(ctx, page, ref(t, page, "#no"), true), http.StatusConflict, "not checked all the same")
	refused(t, action.Check(ctx, page, ref(t, page, "#p"), true), http.StatusBadRequest, "not a checkbox")
}

func TestFill(t *testing.T) {
	page := browsertest.Page(t, `<input id=n><input id=a type=number><input id=c type=checkbox><input id=r type=radio><input id=d type=date>`)
	field := func(id string, v any) action.Field { return action.Field{Ref: ref(t, page, "#"+id), Value: v} }
	ctx := within(t, 20*time.Second)
	err := action.Fill(ctx, page, []action.Field{field("n", "Ada"), field("a", 36.5), field("c", true), field("r", true), field("d", "1815-12-10")})
	if err != nil {
		t.Fatal(err)
	}
	if got := value(t, page.Main(), `[...document.querySelectorAll('input')].map((e) => e.type.match(/box|radio/) ? e.checked : e.value).join()`); got != `"Ada,36.5,true,true,1815-12-10"` {
		t.Errorf("%s", got)
	}
	if err := action.Fill(ctx, page, []action.Field{field("n", "true"), field("c", "false")}); err != nil {
		t.Fatal(err)
	}
	if got := value(t, page.Main(), `document.getElementById('n').value + document.getElementById('c').checked`); got != `"truefalse"` {
		t.Errorf("%s", got)
	}
	err = action.Fill(ctx, page, []action.Field{field("n", "Bob"), field("d", "soon")})
	refused(t, err, http.StatusBadRequest, "field 2 of 2, "+ref(t, page, "#d").String(), "yyyy-mm-dd")
}
