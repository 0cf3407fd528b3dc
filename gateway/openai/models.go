package openai

import (
	"context"
	"net/http"
	"strings"

	"clawdbot/bus/msg"
	"clawdbot/gateway/jsonhttp"
)

// model is an agent as a model.
type model struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"` // 0: nobody knows
	OwnedBy string `json:"owned_by"`
}

// Models is GET /v1/models: the default agent, and each by its id.
func (s *Server) Models(w http.ResponseWriter, r *http.Request) {
	list, err := s.models(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	jsonhttp.Write(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

// Model is GET /v1/models/<id>.
func (s *Server) Model(w http.ResponseWriter, r *http.Request) {
	list, err := s.models(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	id := r.PathValue("id")
	for _, m := range list {
		if m.ID == id {
			jsonhttp.Write(w, http.StatusOK, m)
			return
		}
	}
	var ids []string
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	s.refuse(w, r, jsonhttp.Errorf(http.StatusNotFound, "no model %.100q: there is %s", id, strings.Join(ids, ", ")))
}

func (s *Server) models(ctx context.Context) ([]model, error) {
	if e := s.cfg.Endpoints; !e.ChatCompletions.Enabled && !e.Responses.Enabled {
		return nil, jsonhttp.Errorf(http.StatusNotFound, "/v1/models is off: set gateway.http.endpoints.chatCompletions.enabled or gateway.http.endpoints.responses.enabled to true")
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var agents msg.AgentList
	if err := s.methods.Call(ctx, "agents.list", nil, &agents); err != nil {
		return nil, err
	}
	list := []model{{ID: defaultModel, Object: "model", OwnedBy: defaultModel}}
	for _, a := range agents.Agents {
		list = append(list, model{ID: defaultModel + ":" + a.ID, Object: "model", OwnedBy: defaultModel})
	}
	return list, nil
}
