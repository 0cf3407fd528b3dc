package json5

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestParseValues(t *testing.T) {
	n := func(s string) any { return json.Number(s) }
	for _, tt := range []struct {
		text string
		want any
	}{
		{`null`, nil},
		{` true // yes`, true},
		{"\uFEFF{a:1}", map[string]any{"a": n("1")}},
		{`{a: 1, 'b': 2, "c": 3, $d_1: 4, é: 5,}`, map[string]any{"a": n("1"), "b": n("2"), "c": n("3"), "$d_1": n("4"), "é": n("5")}},
		{`{\u0061b: 1}`, map[string]any{"ab": n("1")}},
		{`{true: 1, null: 2}`, map[string]any{"true": n("1"), "null": n("2")}},
		{`{__proto__: {x: 1}, constructor: 2}`, map[string]any{"__proto__": map[string]any{"x": n("1")}, "constructor": n("2")}},
		{`{a: 1, a: 2}`, map[string]any{"a": n("2")}},
		{`[1, /* two */ 2,]`, []any{n("1"), n("2")}},
		{"\u00a0\u2028\v\f[ ]\u3000", []any{}},
		{`0xDEADbeef`, n("3735928559")},
		{`-0x10`, n("-16")},
		{`+1`, n("1")},
		{`.5`, n("0.5")},
		{`-.5e-3`, n("-0.5e-3")},
		{`5.`, n("5")},
		{`5.E2`, n("5E2")},
		{`12345678901234567890.123456789`, n("12345678901234567890.123456789")},
		{`Infinity`, math.Inf(1)},
		{`-Infinity`, math.Inf(-1)},
		{`'it\'s "fine"'`, `it's "fine"`},
		{"'one \\\ntwo \\\r\nthree'", "one two three"},
		{`'\x41\u00e9\ud83d\ude00\v\0\a\/'`, "Aé😀\v\x00a/"},
		{`'\ud83d!'`, "\uFFFD!"},
		{"'\u2028'", "\u2028"},
	} {
		doc, err := Parse("x", []byte(tt.text))
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		if got := doc.Root.Value(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %#v, want %#v", tt.text, got, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", `f:1:1: the file is empty: it needs at least {}`},
		{" // only a comment", `f:1:1: the file is empty: it needs at least {}`},
		{"{\n  a: 1\n  b: 2\n}", `f:3:3: expected "," or "}" after the value, found "b"`},
		{"{\n  a: [1, 2\n", `f:3:1: the text ends inside an array that begins at line 2, column 6: a "]" is missing`},
		{"{a 1}", `f:1:4: expected ":" after the key, found "1"`},
		{"{a: lan}", `f:1:5: a word without quotes is not a value; strings need quotes`},
		{"{a:}", `f:1:4: expected a value, found "}"`},
		{"{,}", `f:1:2: expected a key, found ","`},
		{"{1a: 1}", `f:1:2: expected a key, found "1"`},
		{"{} x", `f:1:4: "x" stands after the end of the value`},
		{"{a: 'é\n'}", `f:1:5: the string that begins here has no closing ' on its line; end the line with \ to go on`},
		{`{a: "x`, `f:1:5: the string that begins here has no closing "`},
		{`"\1"`, `f:1:2: the escape \1 is not known`},
		{`"\xg1"`, `f:1:4: the escape needs 2 hexadecimal digits`},
		{`'\u{41}'`, `f:1:4: the escape needs 4 hexadecimal digits`},
		{"/* x", `f:1:1: the comment that begins here has no */`},
		{"01", `f:1:1: a number cannot begin with 0 followed by digits`},
		{"0x", `f:1:1: the hexadecimal number has no digits`},
		{"1e", `f:1:1: the exponent of the number has no digits`},
		{"+", `f:1:1: the number has no digits`},
		{"10ms", `f:1:1: a number cannot go on with "m"; strings need quotes`},
		{"{é: 1, ü\xff: 2}", `f:1:9: the text is not valid UTF-8`},
		{strings.Repeat("[", 100_000), `f:1:201: values are nested deeper than 200`},
		{"\uFEFF?", `f:1:1: expected a value, found "?"`},
	} {
		_, err := Parse("f", []byte(tt.text))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%.40q:\n got %v\nwant %s", tt.text, err, tt.want)
		}
		if e := new(SyntaxError); err != nil && !errors.As(err, &e) {
			t.Errorf("%.40q: %T is not a *SyntaxError", tt.text, err)
		}
	}
}

func TestPositions(t *testing.T) {
	text := "{\r\n  é: [ 'ü', {b: 1} ],\r\n}"
	doc, err := Parse("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	path, err := ParsePath("é[1].b")
	if err != nil {
		t.Fatal(err)
	}
	n := doc.Root.Find(path)
	if line, column := doc.Position(n.Start); line != 2 || column != 17 {
		t.Errorf("got %d:%d, want 2:17", line, column)
	}
	if got := text[n.Start:n.End]; got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestDuplicatesAreKept(t *testing.T) {
	doc, err := Parse("x", []byte(`{a: 1, a: 2}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Root.Entries) != 2 || doc.Root.Get("a").Text != "2" {
		t.Errorf("got %+v", doc.Root.Entries)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{a: 1, 'b': [0x1F, +.5, -Infinity, NaN], "c": {d: null, e: true,},}`,
		"// c\n{s: 'x\\\ny\\u0041\\x41\\0', /* z */ __proto__: \"\"}", "\uFEFF[]", `'\ud83d\ude00'`, `[[[[`, `1e400`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := Parse("x", text)
		if err != nil {
			if e := new(SyntaxError); !errors.As(err, &e) || e.Line < 1 || e.Column < 1 {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		want := doc.Root.Value()
		var encoded bytes.Buffer
		e := json.NewEncoder(&encoded)
		if e.Encode(want) != nil {
			return // Infinity and NaN have no JSON form
		}
		again, err := Parse("again", encoded.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", encoded.Bytes(), err)
		}
		if got := again.Root.Value(); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v, want %#v", got, want)
		}
	})
}
