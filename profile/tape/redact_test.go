package tape

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// s3cret stands for a secret that is found by its surroundings.
const s3cret = "aA9-s3cret"

var known = []string{"known-value", `with "quotes" & blanks`, "abc", "true", "", "4711471147", `{"in":"parts"}`, "REDACTED"}

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
		// JSON within strings, and its escapes
		`{"msg":"bad body {\"a\":1,\"password\":\"aA9-s3cret\"} refused"}`,
		`{"msg":"{\"raw\":\"{\\\"password\\\":\\\"aA9-s3cret\\\"}\"}"}`,
		`{"msg":"x {\"raw\":\"{\\\"password\\\":\\\"aA9 \\\\\\\" aA9-s3cret\\\"}\"}"}`,
		`{"msg":"{\"\\u0070assword\":\"aA9-s3cret\"}"}`,
		`log: body=\"{\\\"token\\\":\\\"aA9-s3cret\\\"}\"`,
		`log: {\"token\":\"a\\\"aA9-s3cret\",\"n\":1}`,
		// what is no string
		`{"password":4711,"b":[{"pin":4711}],"auth":{"x":[4711,"aA9-s3cret"]}}`,
		`{"msg":"{\"password\":4711}"}`, `{"a":"password=4711 x"}`, `{"secret":{"a":{"b":4711}}}`,
		// keys
		`{"pass":"aA9-s3cret","pwd":"aA9-s3cret","passwd":"aA9-s3cret","passcode":"aA9-s3cret","pin":"aA9-s3cret","otp":"aA9-s3cret"}`,
		`{"jwt":"aA9-s3cret","accessKey":"aA9-s3cret","access_key":"aA9-s3cret","privateKey":"aA9-s3cret","auth":"aA9-s3cret","dbPass":"aA9-s3cret"}`,
		`{"cookie":"aA9-s3cret","Set-Cookie":["aA9-s3cret"],"SMTP_PASS":"aA9-s3cret","set-cookie":"aA9-s3cret"}`,
		`set-cookie: a=aA9-s3cret; Path=/`, `pwd=aA9-s3cret`, `"pin" => "aA9-s3cret"`, `token == aA9-s3cret`, `token := aA9-s3cret`,
		`https://h/?a=1&key=aA9-s3cret&b=2`, `GET /x?sig=aA9-s3cret HTTP/1.1`, `{"u":"https://h/?code=aA9-s3cret#x"}`,
		"Bearer\taA9-s3cret", "Basic  aA9-s3cret", "Bearer 4711", "bearer\t4711",
		`--token=aA9-s3cret`, `--password aA9-s3cret`, "--password\t aA9-s3cret", `--pass "aA9-s3cret 4711" x`, `["--pin" "aA9-s3cret"]`,
		`{"argv":["clawdbot","--token","aA9-s3cret","status"]}`,
		// what looks like a secret
		`{"a":"sk-ant-aA9-s3cret-0123456789"}`, `x=sk-aA9-s3cret0123456789`, `\nsk-aA9-s3cret0123456789`, "ghp_aA9-s3cret0123456789", "xoxb-aA9-s3cret-0",
		`{"a":"eyJhbGciOiJI.eyJzdWIiOiIaA9-s3cret.aA9-s3cret"}`, `bot12345678:aA9-s3cret_0123456789abcdefghijklmnop/x`,
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\naA9-s3cret\n-----END RSA PRIVATE KEY-----\n",
		`{"a":"-----BEGIN OPENSSH PRIVATE KEY-----\naA9-s3cret\n-----END OPENSSH PRIVATE KEY-----"}`,
		`x\n-----BEGIN PRIVATE KEY-----\naA9-s3cret`,
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
		`{"t":true,"a":[true,12345],"text":"it is true that abc is short"}`,
		`{"usage":{"tokens":{"in":5,"out":[6]},"tokens":7},"token":null,"pwd":""}`,
		`{"pinned":true,"ping":1,"compass":"n","author":"me","mapping":"x","oauth":{},"hotpot":2,"passes":3,"skill":"skill-of-many-words-in-a-row"}`,
		`{"text":"-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"}`, `https://h/?page=1&q=sig`, `key: value`, `--verbose x --key y`,
		`{"msg":"{\"a\":[1,true]}","nested":"{\"a\":"}`, `12:30:45.000 at 12345678:90`,
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

// Known values that are short, or part of a literal, take no JSON apart.
func TestRedactOfKnownLiterals(t *testing.T) {
	r := NewRedactor([]string{"123456", "true", "abc", "false-or", `{"in":"parts"}`})
	for body, want := range map[string]string{
		`{"n":123456,"t":true}`:             `{"n":"__REDACTED__","t":true}`,
		`{"n":-1123456.5e3,"x":"a123456"}`:  `{"n":"__REDACTED__","x":"a__REDACTED__"}`,
		`{"t":"true","a":"abc","b":"abcd"}`: `{"t":"__REDACTED__","a":"__REDACTED__","b":"abcd"}`,
		`{"m":"{\"n\":123456}"}`:            `{"m":"{\"n\":\"__REDACTED__\"}"}`,
		`{"m":"{\"in\":\"parts\"}"}`:        `{"m":"__REDACTED__"}`,
		`{"password":x}`:                    `{"password":__REDACTED__`, // no JSON before either
		`{"password":"","pin":null}`:        `{"password":"","pin":null}`,
	} {
		if got := string(r.Redact([]byte(body))); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestRedactLine(t *testing.T) {
	r := NewRedactor([]string{"known-value", "info"})
	in := msg.LogLine{Time: "2026-01-02T03:04:05.000Z", Level: "info", Msg: `got known-value {"password":"aA9-s3cret"}`, Attrs: map[string]any{
		"err": "Bearer aA9-s3cret", "pin": 4711, "n": 12.0, "list": []any{map[string]any{"token": "aA9-s3cret"}},
	}}
	got, _ := json.Marshal(r.RedactLine(in))
	want := `{"time":"2026-01-02T03:04:05.000Z","level":"info","profile":"","msg":"got __REDACTED__ {\"password\":\"__REDACTED__\"}",` +
		`"attrs":{"err":"Bearer __REDACTED__","list":[{"token":"__REDACTED__"}],"n":12,"pin":"__REDACTED__"}}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// A copy has the type that it had, whatever is known to be secret.
func TestSafeKeepsTheType(t *testing.T) {
	type deed struct {
		At   time.Time
		N    int
		Text string
		Any  map[string]any
		Raw  json.RawMessage
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	got, err := Safe(NewRedactor([]string{"123456", "2026-01-02T03:04:05Z", "at"}), []deed{{at, 123456, "123456 at", map[string]any{"pin": 1}, json.RawMessage(deep)}})
	if err != nil || len(got) != 1 || !got[0].At.Equal(at) || got[0].N != 123456 || got[0].Text != config.Redacted+" at" || got[0].Any["pin"] != config.Redacted || string(got[0].Raw) != deep {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Safe(NewRedactor(nil), func() {}); err == nil {
		t.Error("a func has a copy")
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
		`{"token":"x","a":[1,{"b":"known-value"}]}`, `token: 'x`, `{"a":"://@"}`, `--token x`, `Bearer known-value`, `{"env":{"a":"\u0041"}}`, "\xff", `{"pin":1,"a":"{\"otp\":2}"}`, `\"jwt\":\"x\\\"y\"`, `["--token","x"]`, "-----BEGIN PRIVATE KEY-----",
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
