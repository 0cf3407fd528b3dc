// Package bus embeds the NATS server that is a gateway's spine.
//
// # Accounts
//
// One account holds the profile's whole traffic, one the server's own events,
// and each peer has a link account of its own. A leaf connection joins the link
// accounts of two peers; exports and imports let only health.> and rescue.>
// of either profile cross. The name that sorts higher solicits the lower one:
// a full mesh of pairs has no loops, works in any start order and survives the
// loss of any member.
//
// # Users
//
// svc and sys exist only in process and get a new password at each start.
// debug reads clawdbot.<p>.> and the peers' health and may ask $SRV.>; ingress
// publishes clawdbot.<p>.in.> only; granted services have just the subjects
// they were granted. Each has an inbox prefix of its own, _INBOX_<user>, so that
// nobody reads another's replies; ingress uses the standard _INBOX. Nobody is
// let in without credentials.
//
// # Delivery
//
// At most once and in order per publisher. What must not be lost is stored
// first and acknowledged by the reply. A subscriber that falls behind by more
// than the server's pending limit is disconnected, not waited for.
package bus
