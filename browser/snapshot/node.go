package snapshot

import "strconv"

// Roles that are not of ARIA.
const (
	frameRole = "iframe" // another document stands in it
	textRole  = "text"
)

// Node is one line of a snapshot, as the walker in the page (inject/walk.js)
// tells it. A list of nodes is in reading order; the Depth of each says what it
// belongs to.
type Node struct {
	Frame       int      `json:"-"`           // index of the frame that it is in
	N           int      `json:"n"`           // number of its ref in the frame; 0 means none
	Depth       int      `json:"depth"`       // in the frame, and after joining frames in the page
	Role        string   `json:"role"`        // of ARIA; generic for a clickable element without one, text, iframe
	Name        string   `json:"name"`        // accessible name
	Text        string   `json:"text"`        // its whole text, or what stands in a control
	URL         string   `json:"url"`         // of a link, as the page has it
	Placeholder string   `json:"placeholder"` // when that is not its name
	States      []string `json:"is"`          // checked, checked=mixed, disabled, level=2 …
	Pointer     bool     `json:"pointer"`     // shows the hand of a link, and has no role that says so
	Act         bool     `json:"act"`         // is there to be operated
}

// ref is the name by which calls know the node: e12, or f1e12 in a frame; "" is
// none.
func (n *Node) ref() string {
	switch {
	case n.N == 0:
		return ""
	case n.Frame == 0:
		return "e" + strconv.Itoa(n.N)
	}
	return "f" + strconv.Itoa(n.Frame) + "e" + strconv.Itoa(n.N)
}

// compact leaves out what says nothing by itself, with its content brought to
// where it was. Rows stay: without them the cells of a table are one list.
func compact(nodes []Node) []Node {
	var kept []Node
	var gone []int // depths of those around the node that were left out
	for _, n := range nodes {
		for len(gone) > 0 && n.Depth <= gone[len(gone)-1] {
			gone = gone[:len(gone)-1]
		}
		if !n.Act && n.Name == "" && n.Text == "" && n.Role != "row" && n.Role != frameRole {
			gone = append(gone, n.Depth)
			continue
		}
		n.Depth -= len(gone)
		kept = append(kept, n)
	}
	return kept
}
