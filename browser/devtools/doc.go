// Package devtools speaks the Chrome DevTools Protocol over one WebSocket: a
// Conn has a session for the browser itself and one for each target that was
// attached to (the protocol's flat mode). Commands and events are those of
// cdproto; the WebSocket is chromedp's.
//
// It stands where chromedp.Target could: that one mirrors the DOM of each page,
// knows no out-of-process frames, and queues events so that their order against
// replies is lost. Here the events of all sessions come in the order in which
// the browser sent them, on the goroutine that reads them, and nothing is kept
// of them.
//
// # How a call ends
//
// A call returns the browser's answer, the browser's error (*cdproto.Error), or
// as soon as one of these happens: its context ends, the connection is lost
// (ErrLost), the session's target went away (ErrDetached), or its renderer
// crashed (ErrCrashed). After a crash only what can bring the page back is sent.
package devtools
