package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"clawdbot/browser/api"
)

func nodes(of ...Node) []Node { return of }

func TestRender(t *testing.T) {
	for _, c := range []struct {
		name  string
		nodes []Node
		want  string
	}{
		{"nothing", nil, ""},
		{"alone", nodes(Node{N: 3, Role: "button", Name: "Save"}), `- button "Save" [ref=e3]`},
		{"in a frame", nodes(Node{Frame: 2, N: 3, Role: "img"}), `- img [ref=f2e3]`},
		{"states", nodes(Node{N: 1, Role: "checkbox", States: []string{"checked=mixed", "disabled"}}), `- checkbox [checked=mixed] [disabled] [ref=e1]`},
		{"clickable", nodes(Node{N: 1, Role: "generic", Text: "more", Pointer: true}), `- generic [ref=e1] [cursor=pointer]: more`},
		{"without a ref", nodes(Node{Role: "option", Name: "a"}), `- option "a"`},
		{"a tree", nodes(
			Node{N: 1, Role: "list"}, Node{N: 2, Depth: 1, Role: "listitem", Text: "one"},
			Node{N: 3, Depth: 1, Role: "listitem"}, Node{N: 4, Depth: 2, Role: "text", Text: "see"},
			Node{N: 5, Depth: 2, Role: "link", Name: "this", URL: "#there", Text: "that"},
			Node{N: 6, Role: "separator"},
		), `
- list [ref=e1]:
  - listitem [ref=e2]: one
  - listitem [ref=e3]:
    - text [ref=e4]: see
    - link "this" [ref=e5]:
      - /url: "#there"
      - text: that
- separator [ref=e6]`},
		{"a field", nodes(Node{N: 1, Role: "textbox", Name: "City", Text: "Rome", Placeholder: "where"}), `
- textbox "City" [ref=e1]:
  - /placeholder: where
  - text: Rome`},
		{"names are quoted", nodes(Node{N: 1, Role: "button", Name: `a "b" \ c`}), `- button "a \"b\" \\ c" [ref=e1]`},
		{"keys are quoted", nodes(Node{N: 1, Role: "button", Name: "it's: so"}, Node{N: 2, Role: "link", Name: "a #b"}), `
- 'button "it''s: so" [ref=e1]'
- 'link "a #b" [ref=e2]'`},
		{"values are quoted", nodes(
			Node{Role: "text", Text: "- dash"}, Node{Role: "text", Text: "true"}, Node{Role: "text", Text: "1.5e3"}, Node{Role: "text", Text: "0x1F"},
			Node{Role: "text", Text: "a: b"}, Node{Role: "text", Text: "so:"}, Node{Role: "text", Text: "\"quoted\" 'x'"}, Node{Role: "text", Text: "bell\a\u0085"},
			Node{Role: "text", Text: "12 apples, a:b, c#d"},
		), `
- text: "- dash"
- text: "true"
- text: "1.5e3"
- text: "0x1F"
- text: "a: b"
- text: "so:"
- text: "\"quoted\" 'x'"
- text: "bell\u0007\u0085"
- text: 12 apples, a:b, c#d`},
	} {
		if got := render(c.nodes, DefaultChars, false); got.Snapshot != strings.TrimPrefix(c.want, "\n") || got.Truncated {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, got.Snapshot, c.want)
		}
	}
}

func TestRefs(t *testing.T) {
	text := render(nodes(
		Node{N: 1, Role: "heading", Name: "Cart"},
		Node{N: 2, Role: "button", Name: "Buy", Act: true}, Node{N: 3, Role: "button", Name: "Buy", Act: true},
		Node{Frame: 1, N: 3, Role: "text", Text: "hello"}, Node{Role: "option", Name: "a"},
	), DefaultChars, true)
	zero, one := 0, 1
	want := map[string]api.SnapshotRef{
		"e1": {Role: "heading", Name: "Cart"}, "e2": {Role: "button", Name: "Buy", Nth: &zero}, "e3": {Role: "button", Name: "Buy", Nth: &one},
		"f1e3": {Role: "text", Name: "hello"},
	}
	same := func(a, b api.SnapshotRef) bool {
		return a.Role == b.Role && a.Name == b.Name && (a.Nth == nil) == (b.Nth == nil) && (a.Nth == nil || *a.Nth == *b.Nth)
	}
	if !maps.EqualFunc(text.Refs, want, same) {
		t.Errorf("refs %+v", text.Refs)
	}
	if !strings.Contains(text.Snapshot, "\n- button \"Buy\" [ref=e2]\n- button \"Buy\" [ref=e3] [nth=1]\n") {
		t.Errorf("the second button has no number:\n%s", text.Snapshot)
	}
	if stats := (api.SnapshotStats{Lines: 5, Chars: len(text.Snapshot) + 1, Refs: 4, Interactive: 2}); text.Stats != stats {
		t.Errorf("%+v, want %+v", text.Stats, stats)
	}
}

func TestCompact(t *testing.T) {
	got := compact(nodes(
		Node{Role: "navigation"}, Node{Depth: 1, Role: "list"},
		Node{Depth: 2, Role: "listitem"}, Node{Depth: 3, Role: "link", Name: "a", Act: true},
		Node{Depth: 2, Role: "listitem", Text: "b"},
		Node{Role: "table", Name: "T"}, Node{Depth: 1, Role: "row"}, Node{Depth: 2, Role: "cell", Name: "c"},
		Node{Role: "img"}, Node{Role: "textbox", Act: true},
	))
	var lines []string
	for _, n := range got {
		lines = append(lines, fmt.Sprintf("%d %s", n.Depth, n.Role))
	}
	if want := []string{"0 link", "0 listitem", "0 table", "1 row", "2 cell", "0 textbox"}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
}

func TestCut(t *testing.T) {
	all := nodes(Node{N: 1, Role: "heading", Name: "Cart"}, Node{N: 2, Role: "paragraph", Text: strings.Repeat("ä", 500)}, Node{N: 3, Role: "button", Name: "Buy"})
	text := render(all, 200, false)
	if !text.Truncated || !strings.HasSuffix(text.Snapshot, "ä…") {
		t.Errorf("cut: %+v", text)
	}
	if n := len([]rune(text.Snapshot)); n < 190 || n > 200 || text.Stats.Chars != n+1 {
		t.Errorf("%d characters, and %d are told", n, text.Stats.Chars)
	}
	if len(text.Refs) != 2 {
		t.Errorf("refs of what is not shown: %v", text.Refs)
	}
	if text := render(all, 30, false); len(text.Refs) != 1 || !text.Truncated {
		t.Errorf("no room for a text: %+v", text)
	}
	deep := make([]Node, 20_000)
	for i := range deep {
		deep[i] = Node{N: i + 1, Depth: i, Role: "list"}
	}
	if text := render(deep, DefaultChars, false); len(text.Snapshot) > DefaultChars || !text.Truncated {
		t.Errorf("%d characters of a deep tree", len(text.Snapshot))
	}
}

// FuzzRender: what a page says stays on its line, and escapes nothing.
func FuzzRender(f *testing.F) {
	for _, s := range []string{"Save", "a: b # c", "'\"\\", "x\ny", "\u2028\u0085\ufeff", "- [ref=e9]", "\xff\xfe", strings.Repeat("long ", 100)} {
		f.Add(s, s, 300)
	}
	f.Fuzz(func(t *testing.T, name, text string, most int) {
		got := render(nodes(Node{N: 1, Role: "list", Name: name, Text: text}, Node{N: 2, Depth: 1, Role: "link", Name: text, URL: name}), most, true)
		lines := strings.Split(got.Snapshot, "\n")
		if got.Snapshot != "" && len(lines) != got.Stats.Lines {
			t.Fatalf("%d lines for %d:\n%s", len(lines), got.Stats.Lines, got.Snapshot)
		}
		for _, line := range lines {
			if line != "" && !strings.HasPrefix(strings.TrimLeft(line, " "), "- ") {
				t.Fatalf("a line begins with what the page says: %q", line)
			}
			if i := strings.IndexFunc(line, unicode.IsControl); i >= 0 {
				t.Fatalf("control character at %d of %q", i, line)
			}
		}
		if !got.Truncated && len(got.Refs) != 2 {
			t.Fatalf("refs: %v", got.Refs)
		}
	})
}
