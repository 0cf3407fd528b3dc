// Package bus embeds the NATS server that is a gateway's spine.
//
// # Accounts
//
// One account holds the profile's whole traffic, one the server's own events,
// and each peer has a link account of its own. A leaf connection joins the link
// accounts of two peers; exports and imports let only health.> and rescue.*
// of either profile cross. The name that sorts higher solicits the lower one:
// a full mesh of pairs has no loops, works in any start order and survives the
// loss of any member.
//
// # Users
//
// svc and sys exist only in process and get a new password at each start.
// debug reads clawdbot.<p>.> and the peers' health and may ask $SRV.>; it cannot
// answer what it reads, nor join a queue group. ingress publishes
// clawdbot.<p>.in.* only. Granted services have just the subjects they were
// granted, and what is asked of the gateway itself (health.ping, rescue.>,
// probe.>) never reaches them. Each
// has an inbox prefix of its own, _INBOX_<user>, so that nobody reads another's
// replies; ingress uses the standard _INBOX. Nobody is let in without
// credentials.
//
// # Delivery
//
// At most once and in order per publisher. What must not be lost is stored
// first and acknowledged by the reply. A subscriber that falls behind by more
// than the server's pending limit is disconnected, not waited for.
//
// # Probes
//
// A service with a Probe answers clawdbot.<p>.probe.<name> by doing a small piece
// of its real work within ProbeTime. One runs at a time: while a probe is stuck,
// whoever asks again is told since when. Nobody outside may answer for a part.
//
// # Updates
//
// Update reloads the server, which takes a millisecond or two. Connections,
// subscriptions and requests of the profile's own account stay. Four things are
// the server's way and cannot be helped:
//
//   - a request that crosses the link, or comes from a remote, while the imports
//     are swapped is lost;
//   - a granted service may no longer answer a request that reached it before;
//   - a client that is just logging in over TCP is refused (Dial waits instead);
//   - a user whose rights were narrowed keeps its connection and loses the
//     subscriptions that it may no longer have; one that is gone, or has a new
//     password, is disconnected.
//
// Whoever needs an answer asks again, as always with at most once.
package bus
