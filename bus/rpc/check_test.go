package rpc

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct {
	Kind string `json:"kind" enum:"at|every"`
	Note string `json:"note,omitempty" max:"4"`
}

type base struct {
	Key string `json:"key"`
}

// every has each form of value that a params struct may have.
type every struct {
	base
	Text   string            `json:"text,omitempty" min:"2" max:"5"`
	Clear  *string           `json:"clear,omitempty" enum:"on|off"`
	Limit  int               `json:"limit,omitempty" min:"1" max:"10"`
	Small  int8              `json:"small,omitempty"`
	Seq    uint64            `json:"seq,omitempty"`
	Share  float64           `json:"share,omitempty" max:"1"`
	On     bool              `json:"on,omitempty"`
	Words  []string          `json:"words,omitempty" enum:"a|b" max:"2"`
	Inner  *inner            `json:"inner,omitempty"`
	ByName map[string]inner  `json:"byName,omitempty"`
	Many   []inner           `json:"many,omitempty"`
	Any    json.RawMessage   `json:"any,omitempty"`
	Free   any               `json:"free,omitempty"`
	At     time.Time         `json:"at,omitzero"`
	Bytes  []byte            `json:"bytes,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Hidden string            `json:"-"`
}

func TestCheckTakesWhatFits(t *testing.T) {
	m := method[every, None]("test", Read, "")
	for _, good := range []string{
		`{"key":"k"}`, ` {"key":"k"} `, `{"key":"k","text":null,"limit":null,"inner":null,"many":null,"any":null,"at":null}`,
		`{"key":"k","text":"ab","clear":"on","limit":10,"small":-128,"seq":18446744073709551615,"share":0.5,"on":false}`,
		`{"key":"k","words":["a","b"],"inner":{"kind":"at","note":"four"},"byName":{"x":{"kind":"every"}},"many":[{"kind":"at"}]}`,
		`{"key":"k","any":{"deep":[1,{"a":null}]},"free":[1e300],"at":"2026-01-02T15:04:05Z","bytes":"aGk=","labels":{"a":""}}`,
		`{"key":"\u006b","\u0074ext":"ab"}`,
	} {
		if err := m.Check([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
		if err := Decode([]byte(good), new(every)); err != nil {
			t.Errorf("decode %s: %v", good, err)
		}
	}
	for _, none := range []string{"", "null", "{}", " null\n"} {
		if err := method[None, None]("none", Read, "").Check([]byte(none)); err != nil {
			t.Errorf("%q for no params: %v", none, err)
		}
	}
}

func TestCheckNamesThePlace(t *testing.T) {
	m := method[every, None]("test", Read, "")
	for in, want := range map[string]string{
		``:                                       "at /key: is required",
		`null`:                                   "at /key: is required",
		`[]`:                                     "must be an object",
		`7`:                                      "must be an object",
		`"x"`:                                    "must be an object",
		`{`:                                      "not JSON at byte 1",
		`{"key":"k"`:                             "not JSON at byte 10",
		`{"key":"k"} {}`:                         "not JSON at byte",
		`{"key":"k",}`:                           "not JSON at byte",
		`{key:"k"}`:                              "not JSON at byte",
		`nonsense`:                               "not JSON at byte",
		"{\"key\":\"\xff\"}":                     "not JSON at byte",
		`{"key":"\ud800"}`:                       "not JSON at byte",
		`{"key":"k","key":"k"}`:                  "at /key: repeated key",
		`{"key":"k","any":{"a":1,"a":2}}`:        "at /any/a: repeated key",
		`{"key":"k","labels":{"a":"1","a":"2"}}`: "at /labels/a: repeated key",
		`{"key":""}`:                             "at /key: must not be empty",
		`{"key":null}`:                           "at /key: must be a string",
		`{"key":7}`:                              "at /key: must be a string",
		`{"Key":"k"}`:                            "at /Key: unknown key; did you mean key?",
		`{"key":"k","limt":1}`:                   "at /limt: unknown key; did you mean limit?",
		`{"key":"k","colour":1}`:                 "at /colour: unknown key",
		`{"key":"k","Hidden":"x"}`:               "at /Hidden: unknown key",
		`{"key":"k","text":"a"}`:                 "at /text: must have from 2 to 5 bytes",
		`{"key":"k","text":"abcdef"}`:            "at /text: must have from 2 to 5 bytes",
		`{"key":"k","clear":"maybe"}`:            "at /clear: must be one of on, off",
		`{"key":"k","limit":"1"}`:                "at /limit: must be a whole number",
		`{"key":"k","limit":1.5}`:                "at /limit: must be a whole number",
		`{"key":"k","limit":1e1}`:                "at /limit: must be a whole number",
		`{"key":"k","limit":0}`:                  "at /limit: must be from 1 to 10",
		`{"key":"k","limit":11}`:                 "at /limit: must be from 1 to 10",
		`{"key":"k","small":128}`:                "at /small: must be a whole number",
		`{"key":"k","seq":-1}`:                   "at /seq: must be a whole number that is not negative",
		`{"key":"k","share":1.01}`:               "at /share: must be at most 1",
		`{"key":"k","share":1e999}`:              "at /share: must be a smaller number",
		`{"key":"k","free":[1e999]}`:             "at /free/0: must be a smaller number",
		`{"key":"k","on":"yes"}`:                 "at /on: must be true or false",
		`{"key":"k","words":"a"}`:                "at /words: must be an array",
		`{"key":"k","words":["a","c"]}`:          "at /words/1: must be one of a, b",
		`{"key":"k","words":["a","a","a"]}`:      "at /words: must have at most 2 elements",
		`{"key":"k","words":[null]}`:             "at /words/0: must be a string",
		`{"key":"k","inner":{}}`:                 "at /inner/kind: is required",
		`{"key":"k","inner":{"kind":"cron"}}`:    "at /inner/kind: must be one of at, every",
		`{"key":"k","byName":{"x~/y":{"kind":"no"}}}`:       "at /byName/x~0~1y/kind: must be one of at, every",
		`{"key":"k","many":[{"kind":"at","note":"fiver"}]}`: "at /many/0/note: must have at most 4 bytes",
		`{"key":"k","at":"yesterday"}`:                      "at /at: must be a time",
		`{"key":"k","at":7}`:                                "at /at: must be a time",
		`{"key":"k","at":{}}`:                               "at /at: must be a time",
		`{"key":"k","bytes":"?"}`:                           "at /bytes: must be base64",
		`{"key":"k","labels":{"a":1}}`:                      "at /labels/a: must be a string",
	} {
		var place *PathError
		if err := m.Check([]byte(in)); !errors.As(err, &place) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", in, err, want)
		}
		if err := Decode([]byte(in), new(every)); err == nil {
			t.Errorf("%s was decoded", in)
		}
	}
}

// TestCheckIsCheapForHostileInput proves that what is refused is not read first.
func TestCheckIsCheapForHostileInput(t *testing.T) {
	m := method[every, None]("test", Read, "")
	const size = 1 << 20
	deep := strings.Repeat(`[`, 10_000)
	for name, c := range map[string]struct{ in, says string }{
		"nested arrays":   {`{"key":"k","any":` + deep + strings.Repeat(" ", size) + strings.Repeat(`]`, 10_000) + `}`, "must not be nested deeper than 64"},
		"nested objects":  {`{"key":"k","any":` + strings.Repeat(`{"a":`, 10_000) + `1` + strings.Repeat(`}`, 10_000) + `}`, "must not be nested deeper than 64"},
		"not even params": {deep, "must be an object"},
		"a long key":      {`{"` + strings.Repeat("k", size) + `":1}`, "unknown key"},
		"a long pointer":  {`{"labels":{"` + strings.Repeat("k", size) + `":1}}`, "must be a string"},
		"no end":          {`{"key":"` + strings.Repeat("k", size), "not JSON at byte"},
	} {
		begun := time.Now()
		err := m.Check([]byte(c.in))
		if err == nil || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 400 {
			t.Errorf("%s: %.500v", name, err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

// FuzzParams proves that no bytes break a method's check, and that what it takes
// can be decoded.
func FuzzParams(f *testing.F) {
	for i, m := range Methods() {
		f.Add(i, []byte(`{}`))
		f.Add(i, example(shapeOf(m.Params)))
	}
	f.Add(0, []byte(`{"a":[[[[{"b":1e999}]]]],"a":null}`))
	methods := Methods()
	f.Fuzz(func(t *testing.T, i int, params []byte) {
		m := methods[uint(i)%uint(len(methods))]
		if m.Check(params) != nil || len(params) == 0 {
			return
		}
		if err := json.Unmarshal(params, reflect.New(m.Params).Interface()); err != nil {
			t.Fatalf("%s takes %q, but: %v", m.Name, params, err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	m := method[every, None]("test", Read, "")
	params := []byte(`{"key":"k","text":"abc","limit":5,"many":[{"kind":"at"}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Check(params); err != nil {
			b.Fatal(err)
		}
	}
}
