package gateway

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/micro"

	"clawdbot/bus"
	"clawdbot/gateway/jsonhttp"
	"clawdbot/profile/near"
)

const (
	// maxToolBody is the longest body of /tools/invoke in bytes.
	maxToolBody = 1 << 20
	// toolTime bounds what a tool may take.
	toolTime = 2 * time.Minute
	// verbsTime bounds how long a component may take to say what it serves.
	verbsTime = 2 * time.Second
)

// tool is something that /tools/invoke can do: a method by action, where one
// without actions has its only method at "". A component's actions are its verbs
// on the bus.
type tool struct {
	actions   map[string]string
	component bool
	session   bool // the call's session key is an argument
}

// tools are those that there are, as the original names them.
func tools() map[string]tool {
	one := func(method string) tool { return tool{actions: map[string]string{"": method}} }
	inSession := func(method string) tool {
		t := one(method)
		t.session = true
		return t
	}
	return map[string]tool{
		"agents_list":      one("agents.list"),
		"browser":          {component: true},
		"canvas":           {component: true},
		"message":          inSession("send"),
		"sessions_list":    one("sessions.list"),
		"sessions_history": inSession("chat.history"),
		"gateway":          {actions: map[string]string{"config.get": "config.get", "config.schema": "config.schema"}},
		"nodes": {actions: map[string]string{
			"status": "node.list", "describe": "node.describe", "invoke": "node.invoke",
			"pending": "node.pair.list", "approve": "node.pair.approve", "reject": "node.pair.reject",
		}},
		"cron": {actions: map[string]string{
			"status": "cron.status", "list": "cron.list", "add": "cron.add", "update": "cron.update",
			"remove": "cron.remove", "run": "cron.run", "runs": "cron.runs", "wake": "wake",
		}},
	}
}

// toolCall is the body of /tools/invoke.
type toolCall struct {
	Tool       string                     `json:"tool"`
	Action     string                     `json:"action"`
	Args       map[string]json.RawMessage `json:"args"`
	SessionKey string                     `json:"sessionKey"`
	DryRun     bool                       `json:"dryRun"`
}

func (s *Server) serveTool(w http.ResponseWriter, r *http.Request) {
	var call toolCall
	body, err := jsonhttp.Body(w, r, maxToolBody)
	if err == nil {
		err = jsonhttp.Decode(body, &call)
	}
	var result any
	if err == nil {
		result, err = s.invokeTool(r.Context(), call)
	}
	if err != nil {
		e := jsonhttp.Of(err)
		s.cfg.Log.Info("refused a tool", "tool", call.Tool, "action", call.Action, "client", r.RemoteAddr, "status", e.Status, "err", e)
		jsonhttp.Refuse(w, e, toolFailure(e.Status, e.Message))
		return
	}
	jsonhttp.Write(w, http.StatusOK, map[string]any{"ok": true, "result": result})
}

// invokeTool asks the tool's owner, or with dryRun tells what would be asked.
func (s *Server) invokeTool(ctx context.Context, call toolCall) (any, error) {
	t, err := s.findTool(call.Tool)
	if err != nil {
		return nil, err
	}
	if action, given := call.Args["action"]; given && call.Action == "" { // as agents write it
		_ = json.Unmarshal(action, &call.Action)
	}
	delete(call.Args, "action")
	if t.component {
		return s.invokeVerb(ctx, call)
	}
	method, err := t.method(call)
	if err != nil {
		return nil, err
	}
	params := t.params(call, method)
	if call.DryRun {
		return map[string]any{"dryRun": true, "method": method, "params": params}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	var result json.RawMessage
	err = jsonhttp.Methods{Conn: s.nc, Subjects: s.cfg.Subjects}.Call(ctx, method, params, &result)
	return result, err
}

// invokeVerb asks the component that is called like the tool, after it said which
// verbs it has.
func (s *Server) invokeVerb(ctx context.Context, call toolCall) (any, error) {
	verbs, err := s.verbs(ctx, call.Tool)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(verbs, call.Action) {
		return nil, unknown("action of "+call.Tool, call.Action, verbs)
	}
	subj, err := s.verbSubject(call.Tool, call.Action)
	if err != nil {
		return nil, err
	}
	params := tool{}.params(call, "")
	if call.DryRun {
		return map[string]any{"dryRun": true, "subject": subj, "params": params}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	var result json.RawMessage
	err = bus.Call(ctx, s.nc, subj, params, &result)
	return result, err
}

func (s *Server) verbSubject(component, verb string) (string, error) {
	if component == "browser" {
		return s.cfg.Subjects.Browser(verb)
	}
	return s.cfg.Subjects.Canvas(verb)
}

// verbs are those that a component says it serves, sorted.
func (s *Server) verbs(ctx context.Context, component string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, verbsTime)
	defer cancel()
	subj, err := micro.ControlSubject(micro.InfoVerb, component, "")
	if err != nil {
		return nil, err
	}
	var info micro.Info
	if err := bus.Call(ctx, s.nc, subj, nil, &info); err != nil {
		return nil, &jsonhttp.Error{Status: http.StatusServiceUnavailable, RetryAfter: time.Second, Message: component + " does not run"}
	}
	var list []string
	for _, e := range info.Endpoints {
		if of, err := s.verbSubject(component, e.Name); err == nil && of == e.Subject {
			list = append(list, e.Name)
		}
	}
	slices.Sort(list)
	return list, nil
}

// findTool returns the tool, unless the config denies it.
func (s *Server) findTool(name string) (tool, error) {
	all := tools()
	t, ok := all[name]
	switch {
	case name == "":
		return t, jsonhttp.At("/tool", "must be a string that is not empty")
	case !ok:
		return t, unknown("tool", name, slices.Sorted(maps.Keys(all)))
	case s.denied(name):
		return t, jsonhttp.Errorf(http.StatusForbidden, "the tool %s is denied by gateway.tools.deny or tools.deny", name)
	}
	return t, nil
}

// denied says whether a pattern of the config's matches. A bad pattern is one
// for nothing but itself.
func (s *Server) denied(name string) bool {
	return slices.ContainsFunc(s.cfg.HTTP.DenyTools, func(pattern string) bool {
		pattern = strings.ToLower(strings.TrimSpace(pattern))
		match, _ := path.Match(pattern, name)
		return match || pattern == name
	})
}

// method is what the call's action asks for.
func (t tool) method(call toolCall) (string, error) {
	method, ok := t.actions[call.Action]
	if ok {
		return method, nil
	}
	if _, single := t.actions[""]; single {
		return "", jsonhttp.At("/action", "%s has no actions", call.Tool)
	}
	return "", unknown("action of "+call.Tool, call.Action, slices.Sorted(maps.Keys(t.actions)))
}

// params are the arguments, with what the method needs of the call itself.
func (t tool) params(call toolCall, method string) map[string]any {
	params := map[string]any{}
	for name, value := range call.Args {
		params[name] = value
	}
	if t.session && call.SessionKey != "" && params["sessionKey"] == nil {
		params["sessionKey"] = call.SessionKey
	}
	if (method == "send" || method == "node.invoke") && params["idempotencyKey"] == nil {
		params["idempotencyKey"] = newID()
	}
	return params
}

// unknown tells of a name that is none, with those near it.
func unknown(what, name string, known []string) error {
	e := jsonhttp.Errorf(http.StatusNotFound, "no %s %.64q: there is %s", what, name, strings.Join(known, ", "))
	if names := near.Names(name, known, 1); len(names) > 0 {
		e.Message += "; did you mean " + names[0] + "?"
	}
	return e
}

// toolFailure is the shape of an error of /tools/invoke.
func toolFailure(status int, message string) any {
	kind := "tool_error"
	switch status {
	case http.StatusNotFound:
		kind = "not_found"
	case http.StatusUnauthorized:
		kind = "unauthorized"
	case http.StatusForbidden:
		kind = "forbidden"
	case http.StatusTooManyRequests:
		kind = "rate_limited"
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		kind = "unavailable"
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		kind = "invalid_request"
	}
	return map[string]any{"ok": false, "error": map[string]string{"type": kind, "message": message}}
}
