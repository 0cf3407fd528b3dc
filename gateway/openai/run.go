package openai

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/gateway/jsonhttp"
)

const (
	// maxText is the longest message and the longest instructions of a run in bytes.
	maxText = 64 << 10
	// startTime bounds how long a run may take until it is accepted.
	startTime = 10 * time.Second
	// waitTime is how long one question for a run's end may take.
	waitTime = 30 * time.Second
	// runTime bounds a run.
	runTime = 10 * time.Minute
)

// run is what the agent is asked to do.
type run struct {
	msg.AgentRun
	token   string // random; the run's and the answer's ids are made of it
	session string // names the session, when nothing else does
}

// newRun is the run of a prompt. Errors are *jsonhttp.Error.
func newRun(h http.Header, p *prompt) (run, error) {
	message, err := compose(p.turns)
	if err != nil {
		return run{}, err
	}
	if len(message) > maxText || len(p.instructions) > maxText {
		return run{}, jsonhttp.Errorf(http.StatusRequestEntityTooLarge, "the conversation is longer than the %d bytes that the agent takes: keep the session by user, and send what is new", maxText)
	}
	r := run{token: rand.Text(), session: cmp.Or(p.session, rand.Text()), AgentRun: msg.AgentRun{
		Message: message, ExtraSystemPrompt: p.instructions, AgentID: agentOf(h, p.model),
	}}
	if r.AgentID != "" && subject.Check(r.AgentID) != nil {
		return run{}, jsonhttp.Errorf(http.StatusBadRequest, "%.64q is no agent's id", r.AgentID)
	}
	r.IdempotencyKey = "openai:" + r.token
	key := "openai:" + r.session
	if p.user != "" {
		key = "openai-user:" + p.user
	}
	r.SessionKey = cmp.Or(h.Get("X-Clawdbot-Session-Key"), "agent:"+cmp.Or(r.AgentID, "main")+":"+key)
	return r, nil
}

// agentOf is the agent that a request names, "" for the default one.
func agentOf(h http.Header, model string) string {
	for _, name := range []string{"X-Clawdbot-Agent-Id", "X-Clawdbot-Agent"} {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	for _, prefix := range []string{"clawdbot:", "clawdbot/", "agent:"} {
		if id, ok := strings.CutPrefix(model, prefix); ok {
			return id
		}
	}
	return ""
}

func (s *Server) start(ctx context.Context, ask run) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return s.methods.Call(ctx, "agent", ask.AgentRun, nil)
}

// wait asks until the run has ended, and returns what it said.
func (s *Server) wait(ctx context.Context, ask run) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	for {
		end, err := s.waitOnce(ctx, ask)
		if err != nil {
			return "", err
		}
		switch end.Status {
		case "ok":
			return said(end.Result), nil
		case "error":
			return "", bus.Errorf(bus.CodeUnavailable, "%s", cmp.Or(end.Error, "the run failed"))
		}
	}
}

// said is the text of a run's answer.
func said(r *msg.AgentResult) string {
	var texts []string
	if r != nil {
		for _, p := range r.Payloads {
			if p.Text != "" {
				texts = append(texts, p.Text)
			}
		}
	}
	return cmp.Or(strings.Join(texts, "\n\n"), "No response from Clawdbot.")
}

// waitOnce gives the answer a little longer than the agent has.
func (s *Server) waitOnce(ctx context.Context, ask run) (end msg.AgentDone, err error) {
	ctx, cancel := context.WithTimeout(ctx, waitTime+startTime)
	defer cancel()
	err = s.methods.Call(ctx, "agent.wait", msg.AgentWait{RunID: ask.IdempotencyKey, TimeoutMs: waitTime.Milliseconds()}, &end)
	return end, err
}

// abort ends the run of a client that is gone.
func (s *Server) abort(ctx context.Context, ask run) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return s.methods.Call(ctx, "chat.abort", msg.ChatAbort{SessionKey: ask.SessionKey, RunID: ask.IdempotencyKey}, nil)
}
