// Package subject spells every subject on the bus. Nothing else does: a value
// that comes from outside becomes exactly one checked token here, so that a
// node called "*" can never become a wildcard.
package subject

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrToken says that a value cannot be part of a subject.
var ErrToken = errors.New("subject: not a plain token")

// Space is the subject space of one profile, clawdbot.<profile>.>. Its zero
// value is useless; make one with New. It is safe for use by many goroutines.
type Space struct{ profile string }

// Check returns ErrToken when v is not one token: 1 to 256 bytes of UTF-8
// without blanks, control characters, dots and wildcards.
func Check(v string) error { return token(v) }

// New returns the space of the profile's bus name, as in clawdbot.<busName>.
// It returns ErrToken when busName is not one token.
func New(busName string) (Space, error) {
	if err := token(busName); err != nil {
		return Space{}, err
	}
	return Space{profile: busName}, nil
}

// Profile returns the profile's name on the bus.
func (s Space) Profile() string { return s.profile }

// All is clawdbot.<profile>.>, everything of the profile.
func (s Space) All() string { return s.prefix() + ">" }

// RPC is clawdbot.<profile>.rpc.<method>. A method may hold dots, as
// config.get does. Clients request through the gateway, the method's owner
// replies. It returns ErrToken for a method that is not dotted tokens.
func (s Space) RPC(method string) (string, error) { return s.dotted("rpc", method) }

// Event is clawdbot.<profile>.event.<name>. Components publish, the gateway
// forwards to clients. It returns ErrToken for a name that is not dotted tokens.
func (s Space) Event(name string) (string, error) { return s.dotted("event", name) }

// Events is clawdbot.<profile>.event.>, all events.
func (s Space) Events() string { return s.prefix() + "event.>" }

// EventName returns the name of an event's subject, or "" for another subject.
func (s Space) EventName(subject string) string { return s.rest("event.", subject) }

// Client is clawdbot.<profile>.client.<conn>. The owner of a method publishes
// msg.ClientEvent for the one connection of a client that asked it to; the gateway
// forwards it. It returns ErrToken for a connection that is not one token.
func (s Space) Client(conn string) (string, error) { return s.one("client.", conn, "") }

// Clients is clawdbot.<profile>.client.*, what is for one client each.
func (s Space) Clients() string { return s.prefix() + "client.*" }

// ClientConn returns the connection of a client subject, or "" for another
// subject.
func (s Space) ClientConn(subject string) string { return s.rest("client.", subject) }

// In is clawdbot.<profile>.in.<channel>. Connectors and services request, the
// agent replies when the message is durable: msg.In in, msg.Accepted out.
// It returns ErrToken for a channel that is not one token.
func (s Space) In(channel string) (string, error) { return s.one("in.", channel, "") }

// Ins is clawdbot.<profile>.in.*, messages of all channels.
func (s Space) Ins() string { return s.prefix() + "in.*" }

// InChannel returns the channel of an in subject, or "" for another subject.
func (s Space) InChannel(subject string) string { return s.rest("in.", subject) }

// Out is clawdbot.<profile>.out.<channel>. The agent requests until the
// channel's connector acknowledges: msg.Out in, any reply without error out.
// It returns ErrToken for a channel that is not one token.
func (s Space) Out(channel string) (string, error) { return s.one("out.", channel, "") }

// NodeInvoke is clawdbot.<profile>.node.<nodeID>.invoke. The gateway requests,
// whoever has the node's connection replies: msg.Invoke in, msg.InvokeResult out.
// It returns ErrToken for a nodeID that is not one token.
func (s Space) NodeInvoke(nodeID string) (string, error) { return s.one("node.", nodeID, ".invoke") }

// NodeEvent is clawdbot.<profile>.node.<nodeID>.event. Whoever has the node's
// connection publishes msg.NodeEvent. It returns ErrToken for a nodeID that is not
// one token.
func (s Space) NodeEvent(nodeID string) (string, error) { return s.one("node.", nodeID, ".event") }

// Browser is clawdbot.<profile>.browser.<verb>. Anyone entitled requests, the
// browser component replies. It returns ErrToken for a verb that is not one token.
func (s Space) Browser(verb string) (string, error) { return s.one("browser.", verb, "") }

// Canvas is clawdbot.<profile>.canvas.<verb>. Anyone entitled requests, the
// canvas component replies. It returns ErrToken for a verb that is not one token.
func (s Space) Canvas(verb string) (string, error) { return s.one("canvas.", verb, "") }

// Beat is clawdbot.<profile>.health.beat. The supervised loop publishes
// msg.Beat every 250 ms; it crosses the link.
func (s Space) Beat() string { return s.prefix() + "health.beat" }

// Ping is clawdbot.<profile>.health.ping. A peer requests over the link, the
// supervised loop replies: nothing in, msg.Beat out.
func (s Space) Ping() string { return s.prefix() + "health.ping" }

// Health is clawdbot.<profile>.health.<component>. The component publishes
// msg.Component on each change. It returns ErrToken for a component that is
// not one token.
func (s Space) Health(component string) (string, error) { return s.one("health.", component, "") }

// Healths is clawdbot.<profile>.health.*: beats and component states.
func (s Space) Healths() string { return s.prefix() + "health.*" }

// HealthTree is clawdbot.<profile>.health.>, all that a peer hears.
func (s Space) HealthTree() string { return s.prefix() + "health.>" }

// AnyHealth is the health of every profile that is linked.
const AnyHealth = "clawdbot.*.health.>"

// AnyBeat is the beats of every profile that is linked, one's own included.
const AnyBeat = "clawdbot.*.health.beat"

// BeatOf returns the profile of a beat's subject, or "" for another subject.
func BeatOf(subject string) string {
	rest, ok := strings.CutPrefix(subject, "clawdbot.")
	name, found := strings.CutSuffix(rest, ".health.beat")
	if !ok || !found || token(name) != nil {
		return ""
	}
	return name
}

// Peer is clawdbot.<profile>.health.peer.<name>. The rescue component
// publishes msg.Peer on each change of a verdict. It returns ErrToken for a
// name that is not one token.
func (s Space) Peer(name string) (string, error) { return s.one("health.peer.", name, "") }

// Peers is clawdbot.<profile>.health.peer.*, all verdicts.
func (s Space) Peers() string { return s.prefix() + "health.peer.*" }

// Rescue is clawdbot.<profile>.rescue.<verb>. A peer requests over the link,
// the rescue component replies. It returns ErrToken for a verb that is not one token.
func (s Space) Rescue(verb string) (string, error) { return s.one("rescue.", verb, "") }

// Rescues is clawdbot.<profile>.rescue.*, all that a peer may ask.
func (s Space) Rescues() string { return s.prefix() + "rescue.*" }

// Probe is clawdbot.<profile>.probe.<component>. The supervised loop requests,
// the component does a small piece of its real work and replies: nothing in,
// msg.Probe out. It returns ErrToken for a component that is not one token.
func (s Space) Probe(component string) (string, error) { return s.one("probe.", component, "") }

// Log is clawdbot.<profile>.log.<level>. The gateway publishes msg.LogLine;
// level is debug, info, warn or error.
func (s Space) Log(level string) (string, error) { return s.one("log.", level, "") }

// Config is clawdbot.<profile>.config.<what>. The gateway publishes
// msg.ConfigChange; what is applied, refused, fallback
// or rolled-back.
func (s Space) Config(what string) (string, error) { return s.one("config.", what, "") }

// Kind is clawdbot.<profile>.<kind>.>, all of one kind; kind is one of the
// words that Table has after the profile.
func (s Space) Kind(kind string) string { return s.prefix() + kind + ".>" }

func (s Space) prefix() string { return "clawdbot." + s.profile + "." }

func (s Space) one(before, value, after string) (string, error) {
	if err := token(value); err != nil {
		return "", err
	}
	return s.prefix() + before + value + after, nil
}

func (s Space) dotted(kind, name string) (string, error) {
	if len(name) > maxToken {
		return "", tooLong(name)
	}
	for part := range strings.SplitSeq(name, ".") {
		if err := token(part); err != nil {
			return "", fmt.Errorf("%w: %q", ErrToken, name)
		}
	}
	return s.prefix() + kind + "." + name, nil
}

func (s Space) rest(kind, subject string) string {
	name, ok := strings.CutPrefix(subject, s.prefix()+kind)
	if !ok {
		return ""
	}
	return name
}

// maxToken bounds what one value adds to a subject. The server ends the
// connection that sends a line of more than 4096 bytes, whoever made it long.
const maxToken = 256

func token(v string) error {
	if len(v) > maxToken {
		return tooLong(v)
	}
	bad := func(r rune) bool {
		return r <= ' ' || r == 0x7f || r == '.' || r == '*' || r == '>' || r == utf8.RuneError
	}
	if v == "" || strings.ContainsFunc(v, bad) {
		return fmt.Errorf("%w: %q", ErrToken, v)
	}
	return nil
}

func tooLong(v string) error {
	return fmt.Errorf("%w: %.32q… is longer than %d bytes", ErrToken, v, maxToken)
}
