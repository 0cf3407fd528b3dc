package hooks

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"clawdbot/gateway/jsonhttp"
	"clawdbot/profile/config"
)

// presets are the mappings of that name, as the original has them.
func presets(name string) []config.HookMapping {
	if name != "gmail" {
		return nil
	}
	return []config.HookMapping{{
		ID: "gmail", Match: config.HookMatch{Path: "gmail"}, Name: "Gmail", SessionKey: "hook:gmail:{{messages[0].id}}",
		MessageTemplate: "New email from {{messages[0].from}}\nSubject: {{messages[0].subject}}\n{{messages[0].snippet}}\n{{messages[0].body}}",
	}}
}

// mappings are those of the config and then the presets.
func mappings(cfg config.Hooks) []config.HookMapping {
	list := slices.Clone(cfg.Mappings)
	for _, name := range cfg.Presets {
		list = append(list, presets(name)...)
	}
	return list
}

func matches(m config.HookMapping, s scope) bool {
	source, _ := find(s.payload, "source").(string)
	path := strings.Trim(m.Match.Path, "/")
	return (path == "" || path == s.path) && (m.Match.Source == "" || m.Match.Source == source)
}

// mapped makes a webhook with a name of its own what its mapping says.
func (h *Handler) mapped(s scope) (job, error) {
	i := slices.IndexFunc(h.mappings, func(m config.HookMapping) bool { return matches(m, s) })
	if i < 0 {
		return nil, jsonhttp.Errorf(http.StatusNotFound, "no webhook %.100q: hooks.mappings has none that matches", s.path)
	}
	m := h.mappings[i]
	if m.Action == "wake" {
		return (&wakeBody{Text: s.render(m.TextTemplate), Mode: m.WakeMode}).job()
	}
	body := agentBody{
		Message: s.render(m.MessageTemplate), Name: cmp.Or(m.Name, m.ID, s.path), SessionKey: s.render(m.SessionKey),
		Deliver: m.Deliver, Channel: m.Channel, To: s.render(m.To),
		Model: s.render(m.Model), Thinking: s.render(m.Thinking), TimeoutSeconds: int64(m.TimeoutSeconds),
	}
	if strings.TrimSpace(body.Message) == "" {
		return nil, jsonhttp.Errorf(http.StatusBadRequest, "the webhook %q makes an empty message of this payload: see its messageTemplate in hooks.mappings", cmp.Or(m.ID, s.path))
	}
	return body.job()
}
