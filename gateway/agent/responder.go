package agent

import (
	"context"
	"strings"

	"clawdbot/bus/msg"
)

// Responder answers prompts. It is called from many goroutines, but for one
// session only once at a time.
type Responder interface {
	// Respond returns the whole answer. It hands each new piece of it to emit as
	// soon as it has it, or none at all; emit does not block, and is not called
	// after Respond has returned. It returns soon after ctx ends, with what it has
	// so far and an error.
	Respond(ctx context.Context, p Prompt, emit func(delta string)) (string, error)
}

// Prompt is what is to be answered.
type Prompt struct {
	RunID      string
	SessionKey string
	AgentID    string
	Message    string   // "" for a run that only has events
	Events     []string // what the session was told since its last run, the oldest first
	Thinking   string   // "" means as the session has it
	Model      string   // "" means as the session has it
	System     string   // what a model is told beside the message
	Settings   msg.SessionSettings

	// History returns the session's last messages before this one, at most n, the
	// oldest first.
	History func(n int) ([]msg.ChatMessage, error)
}

// commandResponder answers with the commands, while there is no model.
type commandResponder struct{ agent *Agent }

func (r commandResponder) Respond(_ context.Context, p Prompt, _ func(string)) (string, error) {
	if p.Message == "" {
		return noModel + ", so nothing was done about: " + strings.Join(p.Events, "; "), nil
	}
	return r.agent.reply(p.Message), nil
}
