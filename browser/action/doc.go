// Package action does on a page what a person does: it clicks, types, presses
// keys, drags, chooses, waits. Beside that it evaluates scripts.
//
// # Actionability
//
// Before an action its element must be attached, visible, enabled and, where it
// is typed into, editable; before a mouse event it must also be in view, at the
// same place in two frames (those may lie back up to a second), and get the event
// at that point, through shadow roots, labels and frames. These are Playwright's conditions
// (playwright.dev/docs/actionability). A condition that may come true is tried
// again after 0, 20, 50, 100, 100, 250 and then every 500 ms until the context's
// deadline; then the error is the last *tab.Problem, which says which condition
// failed and why. What cannot come true by waiting fails at once.
//
// # Deadlines and the tab
//
// Every function ends with its context, whatever the page does. Actions on one
// tab are done one at a time; waiting and evaluating are not actions. An action
// that starts a navigation waits for it.
package action
