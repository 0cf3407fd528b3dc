// Package pairing is the book of the devices and nodes that an operator let in.
//
// # Requests
//
// Who wants to be let in waits as a request for at most [TTL]. One subject (a
// device, a node) has one request at a time, and what an operator sees under a
// request's id does not change: asking again for the same returns the same
// request, asking for something else replaces it by one with another id. At most
// [maxFromAddress] requests of one address wait, and at most [maxWaiting] in all.
//
// # Devices
//
// A device is its key. Approving a request adds its role and its scopes to what
// the device has. A role may have a token, of which only the SHA-256 is kept and
// which is worth nothing without the device's key. Revoking it takes the role
// away until the device is approved again.
//
// # Nodes
//
// A node has only a name and a token: it comes in over the bridge, which shows
// no key.
//
// # Failure
//
// All of it is in the profile's store and on disk before a method returns. An
// error of the store is an error of the method: it never means that somebody is
// paired.
package pairing
