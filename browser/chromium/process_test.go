package chromium

import "testing"

func FuzzOutput(f *testing.F) {
	f.Add("dbus/x\nDevTools listening on ws://127.0.0.1:1/devtools/browser/x\nmore", 3)
	f.Add("a\nb\nc\nd\n", 1)
	f.Add("[1:2:ERROR:x.cc:1] Cannot start http server for devtools.\nmore", 9)
	f.Add("\r\nDevTools listening on \n", 2)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		whole, parts := &output{address: make(chan string, 1)}, &output{address: make(chan string, 1)}
		_, _ = whole.Write([]byte(text))
		cut = min(max(cut, 0), len(text))
		_, _ = parts.Write([]byte(text[:cut]))
		_, _ = parts.Write([]byte(text[cut:]))
		if whole.done != parts.done || len(whole.address) != len(parts.address) || whole.last() != parts.last() {
			t.Errorf("%q cut at %d: %+v and %+v", text, cut, whole, parts)
		}
		if len(whole.lines) > keptLines {
			t.Errorf("%d lines kept", len(whole.lines))
		}
	})
}
