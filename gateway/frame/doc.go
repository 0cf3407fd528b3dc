// Package frame is protocol 3 of the gateway's WebSocket: request, response
// and event frames, the connect handshake, error and close codes, and the
// payloads that clients of every kind read.
//
// One text message is one frame. The server sends the event connect.challenge
// first, the client's first frame is the request connect, whose answer is
// hello-ok; then requests, responses and events flow both ways at will.
// Responses carry their request's id and come in any order. Events carry a
// sequence number per connection, from 1 without a gap.
//
// Shapes are those of the original, so that its clients work. Keys that only
// this gateway sends are Server.Profile, Snapshot.Profile and those marked in
// Health. Inbound frames are read strictly: an unknown or repeated key, another
// case, a wrong type is an *rpc.PathError that names the place.
package frame
