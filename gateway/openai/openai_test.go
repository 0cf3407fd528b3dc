package openai_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// find goes down a decoded answer by keys and indexes.
func find(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch at := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[at]
		case int:
			list, _ := v.([]any)
			if at >= len(list) {
				t.Fatalf("nothing at %v", path)
			}
			v = list[at]
		}
	}
	return v
}

func TestChat(t *testing.T) {
	f := start(t, echo)
	status, out := f.ask("/v1/chat/completions", `{"model": "clawdbot:coder", "temperature": 0.5, "user": "ann", "messages": [
		{"role": "system", "content": "Be brief."}, {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]}, {"role": "user", "content": "hello"}]}`)
	if status != 200 || find(t, out, "choices", 0, "message", "content") != "You said: hello" || find(t, out, "choices", 0, "finish_reason") != "stop" ||
		find(t, out, "object") != "chat.completion" || find(t, out, "model") != "clawdbot:coder" || find(t, out, "usage", "total_tokens") != 0.0 {
		t.Fatalf("%d %v", status, out)
	}
	run := f.agent.last()
	if run.Message != "hello" || run.AgentID != "coder" || run.SessionKey != "agent:coder:openai-user:ann" || run.ExtraSystemPrompt != "Be brief.\n\nBe kind." || run.Deliver {
		t.Errorf("%+v", run)
	}
}

func TestTheConversationIsContext(t *testing.T) {
	f := start(t, echo)
	f.ask("/v1/chat/completions", `{"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "assistant", "content": null, "tool_calls": []},
		{"role": "tool", "name": "clock", "content": "noon"}, {"role": "user", "content": "three"}, {"role": "assistant", "content": "unfinished"}]}`)
	want := "[Chat messages since your last reply - for context]\nUser: one\nAssistant: two\nTool:clock: noon\n\n[Current message - respond to this]\nUser: three"
	if got := f.agent.last(); got.Message != want || got.AgentID != "" || !strings.HasPrefix(got.SessionKey, "agent:main:openai:") {
		t.Errorf("got %+v", got)
	}
}

func TestWhoIsAsked(t *testing.T) {
	f := start(t, echo)
	for _, c := range []struct {
		model   string
		header  []string
		agent   string
		session string // prefix
	}{
		{"gpt-4o", nil, "", "agent:main:openai:"},
		{"agent:coder", nil, "coder", "agent:coder:openai:"},
		{"clawdbot/coder", nil, "coder", "agent:coder:openai:"},
		{"clawdbot:coder", []string{"X-Clawdbot-Agent-Id", "other"}, "other", "agent:other:openai:"},
		{"clawdbot", []string{"X-Clawdbot-Session-Key", "main"}, "", "main"},
	} {
		f.ask("/v1/chat/completions", `{"model": "`+c.model+`", "messages": [{"role": "user", "content": "x"}]}`, c.header...)
		if got := f.agent.last(); got.AgentID != c.agent || !strings.HasPrefix(got.SessionKey, c.session) {
			t.Errorf("%s %v: %q %q", c.model, c.header, got.AgentID, got.SessionKey)
		}
	}
}

func TestChatStream(t *testing.T) {
	f := start(t, func(a *agent, run msg.AgentRun) msg.AgentDone {
		a.says(msg.AgentRun{IdempotencyKey: "another run"}, "not mine")
		a.publish(msg.AgentEvent{RunID: run.IdempotencyKey, Stream: "lifecycle", Data: msg.AgentEventData{Phase: "start"}})
		a.says(run, "one")
		a.says(run, "one, two") // an event between the two is lost
		a.says(run, "A second message")
		return done("one, two", "A second message", "said only at the end")
	})
	resp := f.open(t.Context(), "/v1/chat/completions", `{"stream": true, "stream_options": {"include_usage": true}, "messages": [{"role": "user", "content": "x"}]}`)
	var text, finish string
	var usage any
	for i, e := range f.events(resp) {
		var chunk map[string]any
		if err := json.Unmarshal([]byte(e.data), &chunk); err != nil || chunk["object"] != "chat.completion.chunk" {
			t.Fatalf("%s: %v", e.data, err)
		}
		if usage = chunk["usage"]; usage != nil {
			continue
		}
		if role := find(t, chunk, "choices", 0, "delta", "role"); i == 0 && role != "assistant" {
			t.Errorf("the first chunk is %s", e.data)
		}
		piece, _ := find(t, chunk, "choices", 0, "delta", "content").(string)
		text += piece
		if reason, ok := find(t, chunk, "choices", 0, "finish_reason").(string); ok {
			finish += reason
		}
	}
	if text != "one, two\n\nA second message\n\nsaid only at the end" || finish != "stop" || usage == nil {
		t.Errorf("text %q, finish %q, usage %v", text, finish, usage)
	}
}

func TestResponses(t *testing.T) {
	f := start(t, echo)
	status, out := f.ask("/v1/responses", `{"model": "clawdbot", "instructions": "Be brief.", "input": "hello"}`)
	if status != 200 || find(t, out, "output", 0, "content", 0, "text") != "You said: hello" || out["status"] != "completed" || out["object"] != "response" {
		t.Fatalf("%d %v", status, out)
	}
	first := f.agent.last()
	id, _ := out["id"].(string)
	status, out = f.ask("/v1/responses", `{"previous_response_id": "`+id+`", "input": [
		{"type": "reasoning"}, {"role": "user", "content": [{"type": "input_text", "text": "and"}]}, {"type": "function_call_output", "call_id": "c1", "output": "42"}]}`)
	second := f.agent.last()
	if status != 200 || first.SessionKey != second.SessionKey || first.IdempotencyKey == second.IdempotencyKey || !strings.HasSuffix(second.Message, "Tool:c1: 42") {
		t.Errorf("%d %v\n%+v\n%+v", status, out, first, second)
	}
	if out["id"] == id {
		t.Error("two responses have one id")
	}
}

func TestResponsesStream(t *testing.T) {
	f := start(t, echo)
	resp := f.open(t.Context(), "/v1/responses", `{"stream": true, "input": "hello"}`)
	var names []string
	var text string
	for i, e := range f.events(resp) {
		var step map[string]any
		if err := json.Unmarshal([]byte(e.data), &step); err != nil || step["type"] != e.name || step["sequence_number"] != float64(i) {
			t.Errorf("%d %s: %s, %v", i, e.name, e.data, err)
		}
		if len(names) == 0 || names[len(names)-1] != e.name {
			names = append(names, e.name)
		}
		piece, _ := step["delta"].(string)
		text += piece
		if e.name == "response.completed" && find(t, step, "response", "output", 0, "content", 0, "text") != "You said: hello" {
			t.Errorf("%s", e.data)
		}
	}
	want := "response.created response.in_progress response.output_item.added response.content_part.added response.output_text.delta " +
		"response.output_text.done response.content_part.done response.output_item.done response.completed"
	if got := strings.Join(names, " "); got != want || text != "You said: hello" {
		t.Errorf("%q\ngot  %s\nwant %s", text, got, want)
	}
}

func TestModels(t *testing.T) {
	f := start(t, echo)
	status, out := f.ask("/v1/models", "")
	if status != 200 || find(t, out, "data", 0, "id") != "clawdbot" || find(t, out, "data", 2, "id") != "clawdbot:coder" {
		t.Errorf("%d %v", status, out)
	}
	if status, out = f.ask("/v1/models/clawdbot:coder", ""); status != 200 || out["id"] != "clawdbot:coder" {
		t.Errorf("%d %v", status, out)
	}
	if status, out = f.ask("/v1/models/gpt", ""); status != 404 || find(t, out, "error", "type") != "invalid_request_error" {
		t.Errorf("%d %v", status, out)
	}
}

func TestRefusals(t *testing.T) {
	f := start(t, echo)
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/v1/chat/completions", `{"messages": []}`, 400, "at /messages: must be a list that is not empty"},
		{"/v1/chat/completions", `{"messages": {}}`, 400, "at /messages: must be an array"},
		{"/v1/chat/completions", `{"messages": [{"role": "assistant", "content": "x"}]}`, 400, "has no message of the user"},
		{"/v1/chat/completions", `{"messages": [{"role": "poet", "content": "x"}]}`, 400, "at /messages/0/role: must be one of"},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": 5}]}`, 400, "at /messages/0/content: must be text"},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url"}]}]}`, 400, `at /messages/0/content/1/type: "image_url"`},
		{"/v1/chat/completions", `{"model": "agent:a b", "messages": [{"role": "user", "content": "x"}]}`, 400, "no agent's id"},
		{"/v1/chat/completions", `{"messages"`, 400, "not JSON at byte"},
		{"/v1/chat/completions", `{"messages": [{"role": "user", "content": "` + strings.Repeat("x", 70000) + `"}]}`, 413, "65536"},
		{"/v1/chat/completions", `"` + strings.Repeat("x", 2<<20) + `"`, 413, "longer than 1048576 bytes"},
		{"/v1/responses", `{"input": 5}`, 400, "at /input: must be text or a list"},
		{"/v1/responses", `{}`, 400, "at /input"},
		{"/v1/responses", `{"input": [{"type": "input_file"}]}`, 400, `at /input/0/type: "input_file"`},
		{"/v1/responses", `{"input": "x", "previous_response_id": "resp_of-another"}`, 400, "at /previous_response_id"},
		{"/v1/responses", `{"input": "x", "previous_response_id": "resp_main:../_x"}`, 400, "at /previous_response_id"},
	} {
		status, out := f.ask(c.path, c.body)
		said, _ := find(t, out, "error", "message").(string)
		if status != c.status || !strings.Contains(said, c.says) || find(t, out, "error", "type") != "invalid_request_error" {
			t.Errorf("%s %.60s: got %d %v, want %d %q", c.path, c.body, status, out, c.status, c.says)
		}
	}
}

func TestOffSaysHowToSwitchOn(t *testing.T) {
	f := startWith(t, echo, config.HTTPEndpoints{})
	for path, key := range map[string]string{"/v1/chat/completions": "chatCompletions", "/v1/responses": "responses", "/v1/models": "chatCompletions"} {
		body := "{}"
		if path == "/v1/models" {
			body = ""
		}
		status, out := f.ask(path, body)
		if said, _ := find(t, out, "error", "message").(string); status != 404 || !strings.Contains(said, "gateway.http.endpoints."+key+".enabled") {
			t.Errorf("%s: %d %v", path, status, out)
		}
	}
}

func TestTheRunFails(t *testing.T) {
	f := start(t, func(a *agent, run msg.AgentRun) msg.AgentDone {
		a.says(run, "I begin")
		return msg.AgentDone{Status: "error", Error: "no model is configured"}
	})
	if status, out := f.ask("/v1/chat/completions", `{"messages": [{"role": "user", "content": "x"}]}`); status != 503 || find(t, out, "error", "message") != "no model is configured" {
		t.Errorf("%d %v", status, out)
	}
	for path, body := range map[string]string{
		"/v1/chat/completions": `{"stream": true, "messages": [{"role": "user", "content": "x"}]}`, "/v1/responses": `{"stream": true, "input": "x"}`,
	} {
		list := f.events(f.open(t.Context(), path, body))
		if last := list[len(list)-1]; !strings.Contains(last.data, "no model is configured") {
			t.Errorf("%s ends with %v", path, last)
		}
	}
	f.agent.mu.Lock()
	f.agent.refuse = &bus.Error{Code: bus.CodeUnavailable, Message: "busy", Retryable: true, RetryAfterMs: 3000}
	f.agent.mu.Unlock()
	for _, stream := range []string{"true", "false"} {
		resp := f.open(t.Context(), "/v1/chat/completions", `{"stream": `+stream+`, "messages": [{"role": "user", "content": "x"}]}`)
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "3" {
			t.Errorf("stream %s: %s, Retry-After %q", stream, resp.Status, resp.Header.Get("Retry-After"))
		}
	}
}

// TestHangingUpEndsTheRun covers both ways of being answered.
func TestHangingUpEndsTheRun(t *testing.T) {
	for _, stream := range []string{"true", "false"} {
		begun, over := make(chan msg.AgentRun, 1), make(chan struct{})
		f := start(t, func(a *agent, run msg.AgentRun) msg.AgentDone {
			a.says(run, "I begin")
			begun <- run
			<-over
			return done("too late")
		})
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() {
			defer close(left)
			f.hangUp(ctx, `{"stream": `+stream+`, "messages": [{"role": "user", "content": "x"}]}`)
		}()
		run := <-begun
		cancel()
		if got := <-f.agent.aborted; got.RunID != run.IdempotencyKey || got.SessionKey != run.SessionKey {
			t.Errorf("stream %s: aborted %+v of %+v", stream, got, run)
		}
		close(over)
		<-left
	}
}
