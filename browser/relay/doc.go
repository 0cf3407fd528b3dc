// Package relay lends a user's own tabs to the gateway. A Chrome extension (see
// package extension) connects to it and lends the tabs that the user picks; to
// whoever drives, the relay looks like the CDP endpoint of a Chromium whose only
// tabs are those.
//
// # The extension's side
//
// /extension is a WebSocket with the original's protocol (see message), so the
// original's extension can be let in by its id. Ours proves first that it knows
// the secret that was installed with it, and has the relay prove the same.
// A tab is announced by Target.attachedToTarget without a session of its own,
// which names its session and its target, and dropped by
// Target.detachedFromTarget. The relay asks the extension itself for
// Target.createTarget, closeTarget and activateTarget, and for
// Target.detachFromTarget when the last client lets a tab go: our extension then
// gives the tab a fresh debugger, so that nothing stays behind in it.
//
// # The driving side
//
// /cdp is one WebSocket for flat CDP sessions; /json/version and /json/list are as
// in Chromium. They need the token, as a bearer or in an address.
// What concerns the browser is answered here as far as one can; commands in a
// session go to the tab in their order, but cookies are only told of the tab's own
// sites, and not cleared. A command that is not answered within 30 s
// fails. When the extension goes away, so do the clients.
//
// Only loopback is served.
package relay
