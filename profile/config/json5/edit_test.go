package json5

import (
	"errors"
	"reflect"
	"testing"
)

func mustPath(t testing.TB, s string) Path {
	t.Helper()
	path, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSet(t *testing.T) {
	for _, tt := range []struct{ name, text, path, value, want string }{
		{"replace keeps everything else", "// top\n{\n  b: 2, // two\n  a: 1,\n}\n", "b", "3", "// top\n{\n  b: 3, // two\n  a: 1,\n}\n"},
		{"add after a trailing comment", "{\n\ta: 1, // one\n\tb: 2 // two\n}", "c", "3", "{\n\ta: 1, // one\n\tb: 2, // two\n\tc: 3\n}"},
		{"add keeps the trailing comma", "{\n  a: 1, /* x */\n  // end\n}", "b", "2", "{\n  a: 1, /* x */\n  b: 2,\n  // end\n}"},
		{"add to one line", "{ a: 1 }", "b", "2", "{ a: 1, b: 2 }"},
		{"make parents", "{}\n", "gateway.auth.token", `"x"`, "{\n  gateway: {\n    auth: {\n      token: \"x\"\n    }\n  }\n}\n"},
		{"make parents in JSON", "{\n    \"a\": 1\n}\n", "b.c", "2", "{\n    \"a\": 1,\n    \"b\": {\n        \"c\": 2\n    }\n}\n"},
		{"make parents on one line", `{"a":{}}`, "a.b.c", "[1]", `{"a":{ "b": { "c": [1] } }}`},
		{"into a one-line object of a long file", "{\n  a: { x: 1 },\n}", "a.y", "2", "{\n  a: { x: 1, y: 2 },\n}"},
		{"into an object with only a comment", "{\n  a: {\n    // soon\n  },\n}", "a.x", "1", "{\n  a: {\n    // soon\n    x: 1\n  },\n}"},
		{"windows line ends", "{\r\n  a: 1\r\n}\r\n", "b", "2", "{\r\n  a: 1,\r\n  b: 2\r\n}\r\n"},
		{"blank text", "", "a", "1", "{\n  a: 1\n}\n"},
		{"array item", "{l: [1, 2]}", "l[1]", "{id: 'x'}", "{l: [1, {id: 'x'}]}"},
		{"array append", "{\n  l: [\n    1,\n    2,\n  ],\n}", "l[2]", "3", "{\n  l: [\n    1,\n    2,\n    3,\n  ],\n}"},
		{"array made", "{}", "l[0].id", "'x'", "{\n  l: [\n    {\n      id: 'x'\n    }\n  ]\n}"},
		{"key that needs quotes", "{ a: 1 }", `["my.key"]`, "2", `{ a: 1, "my.key": 2 }`},
		{"last duplicate", "{ a: 1, a: 2 }", "a", "3", "{ a: 1, a: 3 }"},
		{"null counts as missing", "{ a: null }", "a.b", "1", "{ a: { b: 1 } }"},
		{"comment of the value is dropped", "{ a: 1 }", "a", " 2 // why", "{ a: 2 }"},
		{"byte order mark", "\uFEFF{\n  a: 1\n}", "b", "2", "\uFEFF{\n  a: 1,\n  b: 2\n}"},
		{"brace behind the last value", "{\n  a: 1}", "b", "2", "{\n  a: 1,\n  b: 2}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Set([]byte(tt.text), mustPath(t, tt.path), tt.value)
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, tt.want)
			}
		})
	}
}

func TestSetErrors(t *testing.T) {
	for _, tt := range []struct{ text, path, value, want string }{
		{"{a: 1}", "a.b", "2", "a is a number and has nothing below it"},
		{"{a: [1]}", "a.x", "2", `a is an array: "x" is not an index`},
		{"{a: [1]}", "a[3]", "2", "a has 1 items: the next index is 1, not 3"},
		{"{a: {}}", "a[0]", "2", "a is an object: [0] is not a key of it"},
		{"{}", "a[1]", "2", "[1] would begin an array that does not exist yet; begin with [0]"},
		{"[]", "a", "2", `the file is an array: "a" is not an index`},
		{"{}", "a", "lan", `value:1:1: a word without quotes is not a value; strings need quotes`},
		{"{", "a", "1", "text:1:2: the text ends inside an object that begins at line 1, column 1: a \"}\" is missing"},
	} {
		if _, err := Set([]byte(tt.text), mustPath(t, tt.path), tt.value); err == nil || err.Error() != tt.want {
			t.Errorf("%s in %s:\n got %v\nwant %s", tt.path, tt.text, err, tt.want)
		}
	}
}

func TestUnset(t *testing.T) {
	for _, tt := range []struct{ name, text, path, want string }{
		{"whole line with its comment", "{\n  // about a\n  a: 1, // one\n  b: 2,\n}", "a", "{\n  // about a\n  b: 2,\n}"},
		{"last line of JSON", "{\n  \"a\": 1,\n  \"b\": 2\n}", "b", "{\n  \"a\": 1\n}"},
		{"only entry", "{\n  a: {\n    b: 1\n  }\n}", "a.b", "{\n  a: {\n  }\n}"},
		{"first on one line", "{ a: 1, b: 2 }", "a", "{ b: 2 }"},
		{"last on one line", "{ a: 1, b: 2 }", "b", "{ a: 1 }"},
		{"last with trailing comma", "{ a: 1, b: 2, }", "b", "{ a: 1, }"},
		{"item", "[1, 2, 3]", "[1]", "[1, 3]"},
		{"duplicates", "{ a: 1, b: 2, a: 3 }", "a", "{ b: 2 }"},
		{"windows line ends", "{\r\n  a: 1,\r\n  b: 2\r\n}", "a", "{\r\n  b: 2\r\n}"},
		{"comment behind the last item", "[1, 2 // c\n]", "[1]", "[1 // c\n]"},
		{"brace on the line", "{ a: 1,\n  b: 2 }", "b", "{ a: 1\n }"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Unset([]byte(tt.text), mustPath(t, tt.path))
			if err != nil || string(got) != tt.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, tt.want)
			}
		})
	}
	if _, err := Unset([]byte("{a: 1}"), mustPath(t, "a.b.c")); !errors.Is(err, ErrNotFound) || err.Error() != "a.b.c: not set in this file" {
		t.Errorf("got %v", err)
	}
}

// Whatever the text, an edit leaves a text that reads back as it should.
func FuzzEdit(f *testing.F) {
	for _, s := range []string{"{a: 1, b: {c: 2,}, }", "{\n  a: 1 // x\n}", "{/* c */}", "{a: {b: null}}", "{'a': [1]}", "{a:1,a:2\n//c\n}"} {
		f.Add([]byte(s), "a.b", "[1]")
		f.Add([]byte(s), "z", "'x' // y")
	}
	f.Fuzz(func(t *testing.T, text []byte, p, value string) {
		path, err := ParsePath(p)
		if err != nil {
			return
		}
		set, err := Set(text, path, value)
		if err != nil {
			return
		}
		want, _ := Parse("value", []byte(value))
		doc, err := Parse("set", set)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", text, set, err)
		}
		got := doc.Root.Find(path)
		if got == nil || got.Kind != want.Root.Kind || got.Text != want.Root.Text || len(got.Entries) != len(want.Root.Entries) {
			t.Fatalf("%q becomes %q", text, set)
		}
		unset, err := Unset(set, path)
		if err != nil {
			t.Fatal(err)
		}
		after, err := Parse("unset", unset)
		if err != nil {
			t.Fatalf("%q becomes %q: %v", set, unset, err)
		}
		last := path[len(path)-1]
		if parent := after.Root.Find(path[:len(path)-1]); parent.Kind == Object && parent.entry(last) >= 0 {
			t.Fatalf("%q still holds %s", unset, path)
		}
		if again, err := Set(unset, path, value); err == nil {
			if d, err := Parse("again", again); err != nil || !reflect.DeepEqual(d.Root.Find(path).Text, want.Root.Text) {
				t.Fatalf("%q becomes %q: %v", unset, again, err)
			}
		}
	})
}
