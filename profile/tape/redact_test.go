package tape

import (
	"encoding/json"
	"strings"
	"testing"

	"clawdbot/profile/config"
)

// s3cret stands for a secret that is found by its surroundings.
const s3cret = "aA9-s3cret"

var known = []string{"known-value", `with "quotes" & blanks`, "abc", "true", "4711471147"}

func TestRedactHides(t *testing.T) {
	r := NewRedactor(known)
	for _, body := range []string{
		`{"token":"aA9-s3cret"}`,
		`{"gateway":{"auth":{"password":"aA9-s3cret"}}}`,
		`{"tokens":["aA9-s3cret",{"a":"aA9-s3cret"}]}`,
		`{"env":{"HARMLESS":"aA9-s3cret"}}`,
		`{"API_KEY":"aA9-s3cret","x-api-key":"aA9-s3cret","deviceToken":"aA9-s3cret"}`,
		`{"tok\u0065n":"aA9-s3cret"}`,
		`{"text":"Authorization: Bearer aA9-s3cret.and.more"}`,
		`{"text":"authorization: basic YWE5LXMzY3JldAaA9-s3cret=="}`,
		`{"url":"https://user:aA9-s3cret@host/path"}`,
		`{"url":"https://aA9-s3cret@host?x=1"}`,
		`{"url":"ws://host/?token=aA9-s3cret&x=1"}`,
		`{"url":"http://127.0.0.1:1/__clawdbot__/cap/aA9-s3cret/index.html"}`,
		`{"raw":"{ // note\n gateway: { auth: { token: 'aA9-s3cret' } } }"}`,
		`{"raw":"{\"password\": \"aA9-s3cret with \\\" blanks\"}"}`,
		`{"raw":"{ env: { A: 'aA9-s3cret', B: \"aA9-s3cret\" } }"}`,
		`{"argv":"clawdbot --gateway-token aA9-s3cret status"}`,
		`{"argv":"clawdbot --password=aA9-s3cret"}`,
		`{"header":"Cookie: a=1; session=aA9-s3cret\nHost: x"}`,
		`{"a":"known-value","b":"with \"quotes\" & blanks","c":"with \"quotes\" \u0026 blanks"}`,
		`{"a":"https://h/?q=with+%22quotes%22+%26+blanks"}`,
		`{"known-value":1,"n":4711471147,"t":"x"}`,
		`token=aA9-s3cret`,
		`{"cut":"off","token":"aA9-s3cret`,
		`{"cut":"off","secret":  "aA9-s3cret`,
		"\xff\x00 password: aA9-s3cret",
		`[{"secret":"aA9-s3cret"}]trailing`,
		`dialing https://user:aA9-s3cret@host failed`,
	} {
		got := string(r.Redact([]byte(body)))
		for _, secret := range []string{s3cret, "known-value", "quotes", "4711"} {
			if strings.Contains(got, secret) {
				t.Errorf("%s became %s", body, got)
			}
		}
		if json.Valid([]byte(body)) && !json.Valid([]byte(got)) {
			t.Errorf("%s is no JSON any more: %s", body, got)
		}
		if !strings.Contains(got, config.Redacted) {
			t.Errorf("%s became %s: nothing tells that something is hidden", body, got)
		}
		if again := string(r.Redact([]byte(got))); again != got {
			t.Errorf("%s changes again: %s", got, again)
		}
	}
}

func TestRedactKeepsTheRest(t *testing.T) {
	r := NewRedactor(known)
	for _, body := range []string{
		`{"text":"see https://example.com/a?b=c at 12:30, a:b = c"}`,
		`{"inputTokens":120,"token":null,"secret":"","tokenFile":"/a/b","certFingerprint":"ab:cd"}`,
		` { "a" : [ 1 , 2.5e3 , true , null , { } , [ ] ] } `,
		`{"sessionKey":"main","path":"C:\\x","text":"a\u00e9<b>&"}`,
		`{"text":"used tokens=120 of maxTokens: 4096; a basic idea, the bearer of news"}`,
		`"just text"`, `12`, `null`, `{}`, ``, `hello: world`, `email me@example.com`, "\xff\x00",
	} {
		if got := string(r.Redact([]byte(body))); got != body {
			t.Errorf("%s became %s", body, got)
		}
	}
}

func TestRedactHeader(t *testing.T) {
	got := NewRedactor(known).RedactHeader(map[string][]string{
		"Authorization": {"Bearer " + s3cret}, "Traceparent": {"00-4bf9-01"}, "X": {"known-value"},
	})
	if raw, _ := json.Marshal(got); strings.Contains(string(raw), s3cret) || strings.Contains(string(raw), "known") || !strings.Contains(string(raw), "00-4bf9-01") {
		t.Errorf("%s", raw)
	}
}

// A nest as deep as a message can be must not end the process.
func TestRedactOfADeepNest(t *testing.T) {
	body := strings.Repeat(`{"a":`, 200_000) + `{"token":"aA9-s3cret"}`
	if got := string(NewRedactor(nil).Redact([]byte(body))); strings.Contains(got, s3cret) {
		t.Error("the secret is there")
	}
}

func FuzzRedact(f *testing.F) {
	for _, body := range []string{
		`{"token":"x","a":[1,{"b":"known-value"}]}`, `token: 'x`, `{"a":"://@"}`, `--token x`, `Bearer known-value`, `{"env":{"a":"\u0041"}}`, "\xff",
	} {
		f.Add(body)
	}
	r := NewRedactor(known)
	f.Fuzz(func(t *testing.T, body string) {
		got := r.Redact([]byte(body))
		if strings.Contains(string(got), "known-value") {
			t.Fatalf("%q became %q", body, got)
		}
		if json.Valid([]byte(body)) && !json.Valid(got) {
			t.Fatalf("%q is no JSON any more: %q", body, got)
		}
		in, _ := json.Marshal(map[string]string{"password": "pw-" + body, "text": "t: " + body})
		var out map[string]string
		if err := json.Unmarshal(r.Redact(in), &out); err != nil || out["password"] != config.Redacted {
			t.Fatalf("%q became %v, %v", in, out, err)
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	body := []byte(`{"id":"01","from":"someone","to":"main","text":"` + strings.Repeat("what is the weather like today? ", 12) + `","thread":"t1","meta":{"a":1,"b":"x"}}`)
	r := NewRedactor([]string{strings.Repeat("a1", 32), strings.Repeat("b2", 32), strings.Repeat("c3", 32), "password-1"})
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r.Redact(body)
	}
}
