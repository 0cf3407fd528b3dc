// Package inject holds the JavaScript that runs beside a page's own, in an
// isolated world of each frame that is looked at or acted on. It makes one
// object there, clawdbot, whose functions package tab's Frame.Call calls:
//
//	core.js  refs of nodes, and what is thrown for people to read
//	tree.js  the tree that is shown: shadow roots, slots, styles
//	role.js  roles
//	generated.js text that CSS makes
//	name.js  accessible names
//	walk.js  the walk of a snapshot
//	label.js the refs drawn over a page
//	act.js   what must hold before an element is acted on, and acting
//	wait.js  waiting for what the page shows
//	box.js   where things are in a picture
package inject

import (
	"embed"
	"strconv"
	"strings"
)

// Codes of problems that the script throws.
const (
	UnknownRef  = "unknown-ref"
	NotFound    = "not-found"
	BadArgument = "bad-argument"
	Offscreen   = "offscreen"
	Moving      = "moving"
)

//go:embed *.js
var files embed.FS

// order is that of the files: a function may use what stands before it.
var order = []string{"core.js", "tree.js", "role.js", "generated.js", "name.js", "walk.js", "label.js", "act.js", "wait.js", "box.js"}

// Script returns the whole script. The first node that is given a ref gets the
// number next.
func Script(next int) string {
	var b strings.Builder
	b.WriteString("(() => { const clawdbot = globalThis.clawdbot = { next: " + strconv.Itoa(next) + " };\n")
	for _, name := range order {
		source, err := files.ReadFile(name)
		if err != nil {
			panic(err) // embedded
		}
		b.Write(source)
	}
	b.WriteString("})()")
	return b.String()
}
