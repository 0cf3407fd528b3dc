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
// Ten wrong credentials lock their client address for a minute, each further
// one for twice as long, up to half an hour; after an hour without one all is
// forgotten. From elsewhere a locked address is refused whatever it presents. On
// plain loopback all programs share one address, and one of them must not lock
// out the owner: there the right credential always passes, and only wrong ones
// get the quick 429. What guards loopback against guessing is the length of the
// credential; the token that setup makes has 256 bits.
//
// A request with forwarding headers came through a proxy and is never plain
// loopback. What the headers say is believed only of Config.TrustedProxies; the
// clients of any other proxy are one client.
//
// Nothing here logs or returns a credential. Compares take constant time.
package gate
