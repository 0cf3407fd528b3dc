// Package gate is the one gate before every HTTP surface of a profile:
// gateway, browser control, canvas.
//
// A request passes in three steps.
//
//   - Host must be a loopback name or address (localhost, 127.0.0.0/8, ::1, any
//     port), the literal address that the connection came in on, or one of
//     Config.Hosts. A page whose name was rebound to this machine fails here.
//   - Origin must be absent (no browser page), the place that the request went
//     to, or one of Config.Origins. "null" and other sites fail here, so a
//     hostile page cannot even open a WebSocket.
//   - The credential, the token or the password, travels as "Authorization:
//     Bearer" or in a WebSocket's connect request. A URL query is never read
//     for one, because URLs end up in logs and histories.
//
// Ten wrong credentials within a minute lock their client address until that
// minute is over. From elsewhere a locked address is refused whatever it
// presents. On plain loopback all programs share one address, and one of them
// must not lock out the owner: there the right credential always passes, and
// only wrong ones get the quick 429. What guards loopback against guessing is
// the length of the credential; the token that setup makes has 256 bits. A
// request that came through a proxy (forwarding headers) is never plain loopback.
//
// Nothing here logs or returns a credential. Compares take constant time.
package gate
