package json5

import (
	"reflect"
	"testing"
)

func TestParsePath(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Path
	}{
		{"gateway.port", Path{{Key: "gateway"}, {Key: "port"}}},
		{"agents.list[0].id", Path{{Key: "agents"}, {Key: "list"}, {Index: 0, IsIndex: true}, {Key: "id"}}},
		{`channels["my.chan"].x`, Path{{Key: "channels"}, {Key: "my.chan"}, {Key: "x"}}},
		{`channels['a\'b']`, Path{{Key: "channels"}, {Key: "a'b"}}},
		{`["$include"]`, Path{{Key: "$include"}}},
		{"a[0][12]", Path{{Key: "a"}, {IsIndex: true}, {Index: 12, IsIndex: true}}},
		{"list.0", Path{{Key: "list"}, {Key: "0"}}},
	} {
		got, err := ParsePath(tt.text)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %v, %v", tt.text, got, err)
		}
	}
}

func TestParsePathErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", `the path is empty; write one such as gateway.port`},
		{".a", `path ".a": a key is missing before ".a"`},
		{"a.", `path "a.": a key is missing before the end`},
		{"a..b", `path "a..b": a key is missing before ".b"`},
		{"a[", `path "a[": the bracket "[" has no ]`},
		{"a[]", `path "a[]": [] is not an index; quote a key, as in ["name"]`},
		{"a[x]", `path "a[x]": [x] is not an index; quote a key, as in ["name"]`},
		{"a[-1]", `path "a[-1]": [-1] is not an index; quote a key, as in ["name"]`},
		{"a[99999999999999999999]", `path "a[99999999999999999999]": [99999999999999999999] is not an index; quote a key, as in ["name"]`},
		{`a["x]`, `path "a[\"x]": the string that begins here has no closing "`},
		{`a["x"`, `path "a[\"x\"": the bracket "[\"x\"" has no ]`},
		{"a[0]b", `path "a[0]b": expected "." or "[" before "b"`},
		{"a b", `path "a b": " " cannot stand in a bare key; write ["…"]`},
		{"a]", `path "a]": "]" cannot stand in a bare key; write ["…"]`},
	} {
		if _, err := ParsePath(tt.text); err == nil || err.Error() != tt.want {
			t.Errorf("%q:\n got %v\nwant %s", tt.text, err, tt.want)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"a.b[0]", `a["x.y"].z`, `['\u0041']`, "a[", "..", `["`, "é.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, err := ParsePath(s)
		if err != nil {
			return
		}
		again, err := ParsePath(path.String())
		if err != nil || !reflect.DeepEqual(again, path) {
			t.Fatalf("%q renders as %q: %v, %v", s, path.String(), again, err)
		}
	})
}
