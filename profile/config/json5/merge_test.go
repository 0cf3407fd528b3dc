package json5

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

func TestMergeKeepsCommentsAndOrder(t *testing.T) {
	const text = `{
  // who may come in
  gateway: {
    port: 18789, // the base
    bind: "loopback",
  },
  list: [1, 2],
}
`
	const want = `{
  // who may come in
  gateway: {
    port: 19001, // the base
    tls: {
      enabled: true
    },
  },
  list: [3],
}
`
	got, err := Merge([]byte(text), []byte(`{gateway: {port: 19001, bind: null, tls: {enabled: true, gone: null}}, list: [3], nothing: null}`))
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestMergeIsRFC7396 holds the examples of its appendix A whose target and patch
// are objects.
func TestMergeIsRFC7396(t *testing.T) {
	for _, c := range []struct{ text, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":"b"}`, `{"a":{"c":1}}`, `{"a":{"c":1}}`},
		{``, `{"a":{"c":1}}`, `{"a":{"c":1}}`},
		{``, `{"a":null}`, ``},
		{`{"a":1}`, `{"a":2,"a":3}`, `{"a":3}`},
	} {
		got, err := Merge([]byte(c.text), []byte(c.patch))
		if err != nil {
			t.Errorf("%s + %s: %v", c.text, c.patch, err)
			continue
		}
		if len(bytes.TrimSpace(got)) == 0 || c.want == "" {
			if string(got) != c.want {
				t.Errorf("%s + %s: %q", c.text, c.patch, got)
			}
			continue
		}
		doc, err := Parse("got", got)
		var want any
		if err := errors.Join(err, decodeNumbers(c.want, &want)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(doc.Root.Value(), want) {
			t.Errorf("%s + %s: got %s, want %s", c.text, c.patch, got, c.want)
		}
	}
	for _, bad := range []string{``, `[]`, `7`, `{`} {
		if got, err := Merge([]byte(`{}`), []byte(bad)); err == nil {
			t.Errorf("%q is taken: %s", bad, got)
		}
	}
}

func decodeNumbers(text string, v any) error {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber()
	return dec.Decode(v)
}
