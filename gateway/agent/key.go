package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"clawdbot/bus"
)

// A session key is agent:<agentId>:<rest>; clients may send the rest alone. The
// rest mainKey is an agent's main session.
const (
	mainKey  = "main"
	maxKey   = 512 // bytes
	maxRunID = 256 // bytes
)

// channelRun and wakeRun begin the ids of runs that no client named.
const (
	channelRun = "in:"
	wakeRun    = "wake:"
)

// sessionKey returns the whole key for what a client sent under the name.
func (a *Agent) sessionKey(name, key string) (string, error) {
	if err := checkWord(name, key, maxKey); err != nil {
		return "", err
	}
	rest, whole := strings.CutPrefix(key, "agent:")
	if !whole {
		return joinKey(a.defaultAgent(), key), nil
	}
	agent, rest, ok := strings.Cut(rest, ":")
	switch {
	case !ok || rest == "":
		return "", bus.Errorf(bus.CodeInvalidRequest, "%s: %.64q is not agent:<agent>:<key>", name, key)
	case !a.hasAgent(agent):
		return "", bus.Errorf(bus.CodeInvalidRequest, "%s: no agent %.64q is configured; agents.list names them", name, agent)
	}
	return key, nil
}

// agentOf returns the agent of a whole session key.
func agentOf(key string) string {
	agent, _, _ := strings.Cut(strings.TrimPrefix(key, "agent:"), ":")
	return agent
}

func joinKey(agent, rest string) string { return "agent:" + agent + ":" + rest }

// mainSession returns the key of an agent's main session.
func mainSession(agent string) string { return joinKey(agent, mainKey) }

// chatKey returns the session of a sender on a channel. A sender that cannot be
// part of a key stands in it as a hash; one without a name shares the channel's.
func chatKey(agent, channel, from string) string {
	if from == "" {
		return joinKey(agent, channel)
	}
	if len(from) > 256 || !utf8.ValidString(from) || strings.ContainsFunc(from, notInKey) {
		sum := sha256.Sum256([]byte(from))
		from = "sha256-" + hex.EncodeToString(sum[:16])
	}
	return joinKey(agent, channel+":"+from)
}

// checkRunID refuses an idempotencyKey that cannot name a run.
func checkRunID(id string) error {
	const name = "idempotencyKey"
	if strings.HasPrefix(id, channelRun) || strings.HasPrefix(id, wakeRun) {
		return bus.Errorf(bus.CodeInvalidRequest, "%s: %.64q begins as the gateway's own do; choose another", name, id)
	}
	return checkWord(name, id, maxRunID)
}

// checkWord refuses what cannot be part of a key in the store, or be read.
func checkWord(name, v string, longest int) error {
	switch {
	case v == "":
		return bus.Errorf(bus.CodeInvalidRequest, "%s: missing", name)
	case len(v) > longest:
		return bus.Errorf(bus.CodeInvalidRequest, "%s: %d bytes, at most %d are taken", name, len(v), longest)
	case !utf8.ValidString(v) || strings.ContainsFunc(v, notInKey):
		return bus.Errorf(bus.CodeInvalidRequest, "%s: %.64q holds a blank or a control character", name, v)
	}
	return nil
}

func notInKey(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError }
