package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"clawdbot/profile/config/json5"
)

// Hooks are the webhooks on the base port: requests of other programs that wake
// the agent or give it work.
type Hooks struct {
	_ struct{} `unused:"gmail internal transformsDir"`

	Enabled      bool          `json:"enabled" security:"off" doc:"Serve webhooks. They need hooks.token."`
	Path         string        `json:"path" format:"url-path" doc:"Path that the webhooks are below."`
	Token        string        `json:"token" security:"credential" secret:"true" doc:"The token that callers present; another one than the gateway's."`
	MaxBodyBytes int           `json:"maxBodyBytes" min:"1" max:"1048576" doc:"Longest body of a webhook in bytes."`
	Presets      []string      `json:"presets" security:"common" enum:"gmail" doc:"Mappings that are built in."`
	Mappings     []HookMapping `json:"mappings" security:"common" doc:"What the webhooks with names of their own do; the first that matches is taken."`
}

// HookMapping makes one webhook's payload a message. Templates hold {{path}},
// such as {{user.name}}, {{items[0].id}}, {{headers.x-event}} or {{query.page}}.
type HookMapping struct {
	_ struct{} `unused:"allowUnsafeExternalContent transform"`

	ID              string    `json:"id" doc:"Name of the mapping in the log."`
	Match           HookMatch `json:"match" doc:"Which webhooks it is for. Unset: all."`
	Action          string    `json:"action" enum:"wake|agent" doc:"wake queues an event for the main session, agent starts a run. Unset: agent."`
	WakeMode        string    `json:"wakeMode" enum:"now|next-heartbeat" doc:"When a wake is acted on. Unset: now."`
	Name            string    `json:"name" doc:"Name of the run's source for people."`
	SessionKey      string    `json:"sessionKey" doc:"Template of the session key. Unset: a session of its own for each webhook."`
	MessageTemplate string    `json:"messageTemplate" doc:"Template of an agent's message."`
	TextTemplate    string    `json:"textTemplate" doc:"Template of a wake's text."`
	Deliver         *bool     `json:"deliver" doc:"Send the answer to a channel. Unset: true."`
	Channel         string    `json:"channel" format:"token" doc:"The channel that the answer is sent by. Unset: the last one used."`
	To              string    `json:"to" doc:"Template of whom the channel sends it to."`
	Model           string    `json:"model" doc:"Template of the model of the run."`
	Thinking        string    `json:"thinking" doc:"Template of how much the model thinks."`
	TimeoutSeconds  int       `json:"timeoutSeconds" min:"1" max:"86400" doc:"How long the run may take, in seconds."`
}

// HookMatch says which webhooks a mapping is for. What is empty matches all.
type HookMatch struct {
	Path   string `json:"path" doc:"Path below hooks.path."`
	Source string `json:"source" doc:"The payload's own source key."`
}

// commonMappings are those that both lists have.
func commonMappings(a, b []HookMapping) []HookMapping {
	return slices.DeleteFunc(slices.Clone(a), func(m HookMapping) bool {
		return !slices.ContainsFunc(b, func(other HookMapping) bool { return reflect.DeepEqual(m, other) })
	})
}

// hooks checks what makes webhooks unsafe or unreachable.
func (r *rules) hooks() {
	r.shortToken("hooks.token")
	h := r.cfg.Hooks
	if !h.Enabled {
		return
	}
	switch h.Token {
	case "":
		r.at("hooks.enabled", "missing", "needs hooks.token, a credential for webhooks alone")
	case r.cfg.Gateway.Auth.Token, r.cfg.Gateway.Auth.Password:
		r.at("hooks.token", "security", "must be another one than the gateway's: who may call a webhook may not do everything")
	}
	if strings.Trim(h.Path, "/") == "" {
		r.at("hooks.path", "range", "must have a name after the /, such as %s", json5.Quote(Default().Hooks.Path))
	}
	for i, m := range h.Mappings {
		if m.TextTemplate == "" && m.Action == "wake" {
			r.at(fmt.Sprintf("hooks.mappings[%d]", i), "missing", "needs textTemplate, what a wake says")
		}
	}
}
