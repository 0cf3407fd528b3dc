// Package canvas is the web host for the pages that the agent makes: files,
// live reload, and the way back for what a user does on a page.
//
// # Paths
//
//	/__clawdbot__/canvas/…       the files of Config.Root
//	/__clawdbot__/cap/<pass>/…   a capability URL: lets a browser in, and leads to /__clawdbot__/canvas/…
//	/__clawdbot/ws               WebSocket: "reload" to the page, {"userAction":{…}} from it
//
// All else is a 404 with a JSON body. One file is our own, for the probe: .probe.
//
// # Who gets in
//
// Host and Origin are checked by the gate on every request. Beyond that it takes
// the gateway's token as a bearer, or a cookie that a capability URL was
// exchanged for. Such a URL comes from canvas.url, on the bus or as a method of the gateway, is good for ten
// minutes and for nothing but the canvas; the cookie is HttpOnly, SameSite=Strict
// and good for twelve hours. Both end with this life of the component. They are no
// secret worth keeping beyond that, but the gateway's token is: a page can read
// neither.
//
// # Files
//
// A name is served when no part of it begins with a dot and it stays in the root
// on every platform, symbolic links included. Folders are not listed. HTML is
// served with no-store and with a script at the top of its head, which defines
// the global Clawdbot:
//
//	Clawdbot.postMessage(value)       also clawdbotPostMessage
//	Clawdbot.sendUserAction(action)   also clawdbotSendUserAction; gives the action an id
//
// Both go to the native handler clawdbotCanvasA2UIAction of a web view that has
// one, as the original's clients do, and else over the socket, where a user action becomes the
// event canvas.action {userAction, ts} on the bus.
//
// # Live reload
//
// Each HTML page carries the version of the root that it was made from, and its
// socket names it. A page whose version is not the present one is told to reload,
// so no change is lost while a page loads or the gateway restarts.
package canvas
