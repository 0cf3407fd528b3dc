package snapshot_test

import (
	"fmt"
	"strings"
	"testing"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/snapshot"
)

func BenchmarkTake(b *testing.B) {
	var table strings.Builder
	table.WriteString("<table><tr><th>Id<th>Name<th>Mail<th>Link<th>Act</tr>")
	for i := range 2000 {
		fmt.Fprintf(&table, `<tr><td>%d<td>Name %[1]d<td>mail%[1]d@example.test<td><a href="/u/%[1]d">open</a><td><button>Edit</button></tr>`, i)
	}
	var heavy strings.Builder
	for i := range 300 {
		fmt.Fprintf(&heavy, `<section aria-label="s%d"><h2>Part %[1]d</h2><p>text <a href="#%[1]d">link</a></p><ul><li><button>b%[1]d</button><li><input></ul></section>`, i)
	}
	pages := map[string]string{
		"/form":  `<form><label>Name <input></label><label>Mail <input type=email></label><select><option>a<option>b</select><input type=checkbox><button>Send</button></form>`,
		"/table": table.String(),
		"/heavy": heavy.String() + `<iframe src="/in"></iframe><iframe src="{other}/in"></iframe><iframe src="/in"></iframe>`,
		"/in":    heavy.String() + `<iframe src="/leaf"></iframe><iframe src="{self}/leaf"></iframe>`,
		"/leaf":  heavy.String(),
	}
	address := strings.TrimSuffix(browsertest.Serve(b, pages), "/")
	for _, c := range []struct {
		name, path string
		options    snapshot.Options
	}{
		{"form", "/form", snapshot.Options{}},
		{"table", "/table", snapshot.Options{}},
		{"whole table", "/table", snapshot.Options{MaxChars: 2_000_000}},
		{"frames, interactive", "/heavy", snapshot.Options{Interactive: true}},
		{"frames", "/heavy", snapshot.Options{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			page := browsertest.Tab(b, address+c.path)
			take(b, page, c.options)
			for b.Loop() {
				take(b, page, c.options)
			}
		})
	}
}
