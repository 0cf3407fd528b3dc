package hooks

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

func TestRender(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/hooks/x?page=2&access_token=s3cret&page=3", nil)
	for name, value := range map[string]string{
		"X-Event": "push", "Cookie": "s3cret", "X-Api-Key": "s3cret", "X-Gitlab-Token": "s3cret", "Proxy-Authorization": "s3cret",
	} {
		r.Header.Set(name, value)
	}
	s, err := newScope("x", r, []byte(`{"a": {"b": [[1, 2.50], {"c": null}]}, "t": true, "headers": {"own": "payload's"}, "html": "<&>", "path": "theirs", "e": ""}`))
	if err != nil {
		t.Fatal(err)
	}
	for template, want := range map[string]string{
		"plain":                               "plain",
		"{{ a.b[0][1] }}":                     "2.50",
		"{{a.b[1]}}":                          `{"c":null}`,
		"{{a.b[1].c}}":                        "",
		"{{a.b[2]}}{{a.b[-1]}}{{a.b[x]}}{{}}": "",
		"{{t}}-{{html}}":                      "true-<&>",
		"{{payload.headers.own}}":             "payload's",
		"{{headers.x-event}}":                 "push",
		"{{query.page}}":                      "2",
		"{{path}} {{payload.path}}":           "x theirs",
		"{{query.access_token}}{{headers.cookie}}{{headers.X-Api-Key}}{{headers.x-gitlab-token}}{{headers.proxy-authorization}}": "",
		"{{unclosed":       "{{unclosed",
		"a {{t}} {{ {{t}}": "a true ",
		"}} {{t}}":         "}} true",
	} {
		if got := s.render(template); got != want {
			t.Errorf("%s: got %q, want %q", template, got, want)
		}
	}
	if now := s.render("{{now}}"); !strings.HasSuffix(now, "Z") {
		t.Errorf("now is %q", now)
	}
}

func FuzzRender(f *testing.F) {
	for _, seed := range []string{"{{a[0].b}}", "{{", "}}{{}}", "{{headers.cookie}}", "{{a[[0]]}}", "{{a]b[1}}", "{{payload}}{{query.x}}", "{{a.b[99999999999999999999]}}"} {
		f.Add(seed, `{"a": [{"b": 1}], "x": "y"}`)
	}
	f.Fuzz(func(t *testing.T, template, body string) {
		if !jsontext.Value(body).IsValid() {
			return
		}
		r := httptest.NewRequest(http.MethodPost, "/?x=1", nil)
		r.Header.Set("Cookie", "s3cret-of-the-header")
		s, err := newScope("p", r, []byte(body))
		if err != nil {
			t.Fatalf("%q is JSON: %v", body, err)
		}
		got := s.render(template)
		if strings.Contains(got, "s3cret-of-the-header") && !strings.Contains(template+body, "s3cret") {
			t.Fatalf("%q tells the cookie", template)
		}
		if utf8.ValidString(template) && !utf8.ValidString(got) {
			t.Fatalf("%q makes %q of valid UTF-8", template, got)
		}
	})
}
