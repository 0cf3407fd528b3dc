package snapshot

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"clawdbot/browser/api"
)

// Text is a page as text: YAML, a line for each node.
type Text struct {
	Snapshot  string
	Refs      map[string]api.SnapshotRef // those in Snapshot
	Truncated bool                       // there is more on the page
	Stats     api.SnapshotStats
	operable  []Node
}

// renderer writes lines as long as there is room for them.
type renderer struct {
	out   strings.Builder
	room  int  // characters
	full  bool // something had no room
	nth   bool // to say [nth=1] of a second node to operate with the same role and name
	same  map[kind]int
	refs  map[string]api.SnapshotRef
	stats api.SnapshotStats
	acts  []Node
}

// kind is what nodes are told apart by, without refs.
type kind struct{ role, name string }

// render writes the nodes in at most most characters. nth numbers what is there
// to be operated and has the same role and name as another.
func render(nodes []Node, most int, nth bool) Text {
	r := renderer{room: most, nth: nth, same: map[kind]int{}, refs: map[string]api.SnapshotRef{}}
	for i := 0; i < len(nodes) && !r.full; i++ {
		r.node(&nodes[i], i+1 < len(nodes) && nodes[i+1].Depth > nodes[i].Depth)
	}
	for ref, about := range r.refs {
		if about.Nth != nil && r.same[kind{about.Role, about.Name}] == 1 {
			about.Nth = nil
			r.refs[ref] = about
		}
	}
	r.stats.Refs = len(r.refs)
	r.stats.Interactive = len(r.acts)
	return Text{strings.TrimSuffix(r.out.String(), "\n"), r.refs, r.full, r.stats, r.acts}
}

// node writes a node's lines; inside says that there are nodes in it.
func (r *renderer) node(n *Node, inside bool) {
	key, written := r.key(n), false
	simple := !inside && n.URL == "" && n.Placeholder == ""
	switch {
	case simple && n.Text != "":
		written = r.text(n.Depth, key, n.Text)
	case simple:
		written = r.line(n.Depth, key)
	default:
		written = r.line(n.Depth, key+":")
	}
	if !written {
		return
	}
	r.keep(n)
	if simple {
		return
	}
	for _, of := range [][2]string{{"/url", n.URL}, {"/placeholder", n.Placeholder}, {"text", n.Text}} {
		if of[1] != "" {
			r.text(n.Depth+1, of[0], of[1])
		}
	}
}

// key is a node without its content: button "Save" [disabled] [ref=e3].
func (r *renderer) key(n *Node) string {
	var b strings.Builder
	b.WriteString(n.Role)
	if n.Name != "" {
		b.WriteString(" " + quoted(n.Name))
	}
	for _, state := range n.States {
		b.WriteString(" [" + state + "]")
	}
	if n.N != 0 {
		b.WriteString(" [ref=" + n.ref() + "]")
		if seen := r.same[kind{n.Role, n.Name}]; r.nth && n.Act && seen > 0 {
			b.WriteString(" [nth=" + strconv.Itoa(seen) + "]")
		}
	}
	if n.Pointer {
		b.WriteString(" [cursor=pointer]")
	}
	return keyed(b.String())
}

// text writes a key with a text, and less of the text when there is not room
// for all of it.
func (r *renderer) text(depth int, key, text string) bool {
	whole := key + ": " + scalar(text)
	if r.fits(depth, whole) {
		return r.line(depth, whole)
	}
	const least = 40 // a shorter beginning tells nothing
	short := first(text, r.room-2*depth-utf8.RuneCountInString(key)-10)
	written := utf8.RuneCountInString(short) >= least && r.line(depth, key+": "+scalar(short+"…"))
	r.full = true
	return written
}

// line writes a line, unless there is no room for it.
func (r *renderer) line(depth int, line string) bool {
	if r.full || !r.fits(depth, line) {
		r.full = true
		return false
	}
	for range depth {
		r.out.WriteString("  ")
	}
	r.out.WriteString("- " + line + "\n")
	size := lineSize(depth, line)
	r.room -= size
	r.stats.Chars += size
	r.stats.Lines++
	return true
}

func (r *renderer) fits(depth int, line string) bool { return lineSize(depth, line) <= r.room }

func lineSize(depth int, line string) int {
	return 2*depth + len("- \n") + utf8.RuneCountInString(line)
}

// keep makes the node's ref known.
func (r *renderer) keep(n *Node) {
	if n.N == 0 {
		return
	}
	about := api.SnapshotRef{Role: n.Role, Name: n.Name}
	if n.Role == textRole {
		about.Name = first(n.Text, 100)
	} else {
		nth := r.same[kind{n.Role, n.Name}]
		about.Nth = &nth
		r.same[kind{n.Role, n.Name}]++
	}
	r.refs[n.ref()] = about
	if n.Act {
		r.acts = append(r.acts, *n)
	}
}

// first is the beginning of a text, in characters.
func first(text string, most int) string {
	for i := range text {
		if most <= 0 {
			return text[:i]
		}
		most--
	}
	return text
}
