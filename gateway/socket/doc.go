// Package socket is the server's side of WebSocket (RFC 6455) over the frames of
// gobwas/ws, for thousands of connections that are silent most of the time: one
// costs a small buffer and the goroutine that reads it, and whoever writes
// decides how many frames go out in one system call. Libraries that write
// messages themselves make one call for each and keep a buffer for it.
//
// Upgrade answers the HTTP request and takes the connection over. Next returns
// whole messages and control frames. Append and AppendClose encode what the
// server sends. There are no extensions, and so no compression.
package socket
