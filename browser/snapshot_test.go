package browser

import (
	"bytes"
	"image/png"
	"os"
	"strings"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/browser/browsertest"
)

func TestSnapshot(t *testing.T) {
	needChromium(t)
	s := serve(t, func(c *Config) { c.Settings.SnapshotDefaults.Mode = "efficient" })
	page := browsertest.Serve(t, map[string]string{
		"/":   `<title>shop</title><main><h1>Apples</h1><ul><li><button>Buy</button><li><button>Buy</button></ul></main><iframe src="{other}/in"></iframe>`,
		"/in": `<button>Pay</button>`,
	})
	var opened api.Opened
	s.ok(t, "POST", "/tabs/open", `{"url":`+quote(page)+`}`, &opened)

	take := func(query string) (got api.Snapshot) {
		t.Helper()
		s.ok(t, "GET", "/snapshot?targetId="+opened.TargetID+"&"+query, "", &got)
		if !got.OK || got.TargetID != opened.TargetID || got.URL != page {
			t.Errorf("%+v", got)
		}
		return got
	}
	got := take("mode=full")
	for _, line := range []string{`- main [ref=`, `  - heading "Apples" [level=1] [ref=`, `      - button "Buy" [ref=`, `  - button "Pay" [ref=f`} {
		if !strings.Contains("\n"+got.Snapshot, "\n"+line) {
			t.Errorf("no %q in:\n%s", line, got.Snapshot)
		}
	}
	if got.Format != "ai" || got.Stats.Refs != len(got.Refs) || got.Stats.Interactive != 3 || got.Truncated || got.Nodes != nil {
		t.Errorf("%+v", got)
	}
	got = take("maxChars=60") // efficient by the config
	if !got.Truncated || !strings.HasPrefix(got.Snapshot, `- button "Buy" [ref=`) || len(got.Refs) != 2 {
		t.Errorf("efficient: %+v", got)
	}
	if got = take("mode=full&interactive=true&frame=iframe"); !strings.HasPrefix(got.Snapshot, `- button "Pay" [ref=f`) {
		t.Errorf("in the frame: %+v", got)
	}
	got = take("mode=full&labels=1&interactive=1")
	picture, err := os.ReadFile(got.ImagePath)
	if err != nil || !got.Labels || *got.LabelsCount != 3 || *got.LabelsSkipped != 0 || got.ImageType != "png" {
		t.Errorf("labels: %+v, %v", got, err)
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Error(err)
	}

	aria := take("format=aria&limit=2")
	if len(aria.Nodes) != 2 || !aria.Truncated || aria.Nodes[0].Role != "RootWebArea" || aria.Snapshot != "" || aria.Refs != nil {
		t.Errorf("aria: %+v", aria)
	}
	for query, want := range map[string]struct {
		status int
		words  string
	}{
		"format=html":                       {400, `format "html"`},
		"mode=fast":                         {400, `mode "fast"`},
		"refs=css":                          {400, `refs "css"`},
		"format=aria&labels=1":              {400, "labels need format=ai"},
		"format=aria&mode=efficient":        {400, "mode=efficient needs format=ai"},
		"limit=2001":                        {400, "limit must be from 1 to 2000"},
		"maxChars=-1":                       {400, "maxChars must be"},
		"depth=-1":                          {400, "depth must not"},
		"depth=deep":                        {400, "depth must be a whole number"},
		"refs=aria&selector=main":           {500, "refs=aria"},
		"selector=%23none":                  {404, `"#none"`},
		"selector=p%5B":                     {400, `"p["`},
		"frame=main":                        {404, `frame "main"`},
		"targetId=nosuch":                   {404, "tab not found"},
		"format=aria&frame=%23none":         {404, `"#none"`},
		"interactive=perhaps&format=ai":     {400, "interactive must be true or false"},
		"profile=nobody&targetId=whichever": {404, "nobody"},
	} {
		s.refused(t, "GET", "/snapshot?"+query, "", want.status, want.words)
	}
}

// TestTextRef: the ref of a text is the text's own, not that of the space before it.
func TestTextRef(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	page := browsertest.Serve(t, map[string]string{"/": "<form>\n<label>Name <input></label><input type=button value=Send></form>"})
	var opened api.Opened
	s.ok(t, "POST", "/tabs/open", `{"url":`+quote(page)+`}`, &opened)
	var got api.Snapshot
	s.ok(t, "GET", "/snapshot", "", &got)
	for ref, is := range got.Refs {
		if is.Role == "text" {
			s.ok(t, "POST", "/act", `{"kind":"type","text":"Ada","ref":`+quote(ref)+`}`, nil)
		}
	}
	var typed api.Acted
	s.ok(t, "POST", "/act", `{"kind":"evaluate","fn":"document.querySelector('input').value"}`, &typed)
	if string(typed.Result) != `"Ada"` {
		t.Errorf("%s in\n%s", typed.Result, got.Snapshot)
	}
}
