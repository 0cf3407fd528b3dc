// Package snapshot reads a page into text that a model, a script or a person
// can act on: YAML with a line for each node, in the manner of Playwright's aria
// snapshots.
//
//	# a cart
//	- heading "Cart" [level=1] [ref=e1]
//	- link "Terms" [ref=e2]:
//	  - /url: /terms
//	- textbox "Name" [active] [ref=e3]: Ada
//	- iframe "Pay" [ref=e4]:
//	  - button "Pay now" [disabled] [ref=f1e1]
//
// # What is in it
//
// All that assistive technology is told of: elements with a role, by their
// accessible names, and texts. Elements that only hold others, or only say how
// a text looks, are left out. One without a role that takes clicks (by its
// cursor, an onclick attribute, a tabindex) is there as generic. Frames stand in
// the place of their elements, those in other processes too; a frame that does
// not answer within 3 s is told of in its place. What is in closed shadow roots
// cannot be seen from a script; Aria has it.
//
// # Refs
//
// A ref names one node as long as the node's document is there: later snapshots
// tell the same ref, and no other node gets it. A text's ref stands for the
// element around it when it is acted on.
package snapshot
