package action_test

import (
	"net/http"
	"testing"
	"time"

	"clawdbot/browser/action"
	"clawdbot/browser/browsertest"
)

func TestEvaluate(t *testing.T) {
	page := browsertest.Page(t, `<p id=p class=x>text</p><script>window.value = 7; window.plain = 'page'; window.given = 'mine'</script>`)
	p := ref(t, page, "#p")
	for source, want := range map[string]string{
		"1 + 1":                       "2",
		"document.title;":             `""`,
		"() => value + plain + given": `"7pagemine"`,
		"async () => (await Promise.resolve([1, {a: null}]))": `[1,{"a":null}]`,
		"await Promise.resolve('w')":                          `"w"`,
		"const a = 2; return a * 3":                           "6",
		"const a = 2; a * 3":                                  "",
		"undefined":                                           "",
		"null":                                                "null",
		"() => NaN":                                           `"NaN"`,
		"10n ** 20n":                                          `"100000000000000000000n"`,
		"new Date(0)":                                         `"1970-01-01T00:00:00.000Z"`,
		"new Map([['a', new Set([1])]])":                      `[["a",[1]]]`,
		"document.querySelectorAll('p')[0]":                   `"<p id=\"p\" class=\"x\"></p>"`,
		"({el: document.querySelector('p'), f() {}})":         `{"el":"<p id=\"p\" class=\"x\"></p>"}`,
		"// comment\n 5 // and another":                       "5",
		"() => onresize = () => 1":                            "",
		"new TypeError('odd')":                                `{"name":"TypeError","message":"odd"}`,
		"'\\u2028 </script> ` ${1}'":                          `"` + "\u2028" + ` </script> ` + "` ${1}" + `"`,
	} {
		got, err := action.Evaluate(within(t, 20*time.Second), page, source, nil)
		if err != nil {
			t.Errorf("%s: %v", source, err)
		} else if string(got) != want {
			t.Errorf("%s: %s, not %s", source, got, want)
		}
	}
	for _, c := range []struct{ source, want string }{
		{"(el) => el.textContent", `"text"`},
		{"element.id", `"p"`},
		{"el => { el.remove(); return el.isConnected }", "false"},
	} {
		got, err := action.Evaluate(within(t, 20*time.Second), page, c.source, &p)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, not %s, %v", c.source, got, c.want, err)
		}
	}
	_, err := action.Evaluate(within(t, 20*time.Second), page, "el => 1", &p)
	refused(t, err, http.StatusConflict, "take a new snapshot")
}

func TestEvaluateInFrame(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, map[string]string{"/": `<iframe src="{other}/inner"></iframe>`, "/inner": `<p id=p>inner</p>`}))
	p := refIn(t, frame(t, page, "/inner"), "#p")
	got, err := action.Evaluate(within(t, 20*time.Second), page, "el => el.textContent + location.pathname", &p)
	if err != nil || string(got) != `"inner/inner"` {
		t.Errorf("%s, %v", got, err)
	}
}

// A page whose policy forbids eval can be asked all the same.
func TestEvaluateUnderPolicy(t *testing.T) {
	page := browsertest.Page(t, `<meta http-equiv="Content-Security-Policy" content="script-src 'none'; trusted-types; require-trusted-types-for 'script'"><p>text</p>`)
	got, err := action.Evaluate(within(t, 20*time.Second), page, "() => document.querySelector('p').textContent", nil)
	if err != nil || string(got) != `"text"` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestEvaluateRefused(t *testing.T) {
	page := browsertest.Page(t, `<p>text</p>`)
	for source, parts := range map[string][]string{
		"() => { throw new TypeError('no such luck') }": {"the script threw TypeError: no such luck"},
		"() => { throw 'plain' }":                       {"the script threw", "plain"},
		"() => Promise.reject(new Error('later'))":      {"the script threw Error: later"},
		"JSON.parse('{')":                               {"the script threw SyntaxError"},
		"missing.field":                                 {"missing is not defined"},
		"foo bar":                                       {"cannot be read", "SyntaxError"},
		"() => { const a = {}; a.a = a; return a }":     {"cannot be told as JSON", "circular"},
		"() => window":                                  {"cannot be told as JSON"},
		"'x'.repeat(6e6)":                               {"longer than 5000000"},
	} {
		_, err := action.Evaluate(within(t, 20*time.Second), page, source, nil)
		if err == nil {
			t.Errorf("%s: no error", source)
			continue
		}
		refused(t, err, http.StatusBadRequest, parts...)
	}
}
