package agent

import (
	"cmp"
	"context"
	"errors"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// waitDefault is how long agent.wait waits when it is not told.
const waitDefault = 30 * time.Second

// agentRun is the method agent.
func (a *Agent) agentRun(_ context.Context, p msg.AgentRun) (any, error) {
	if err := checkRunID(p.IdempotencyKey); err != nil {
		return nil, err
	}
	to := route{Channel: cmp.Or(p.ReplyChannel, p.Channel), To: cmp.Or(p.ReplyTo, p.To), Thread: p.ThreadID}
	key, err := a.runSession(p)
	if err != nil {
		return nil, err
	}
	text, err := spoken(p.Message, p.Attachments)
	if err != nil {
		return nil, err
	}
	r := run{ID: p.IdempotencyKey, Method: "agent", SessionKey: key}
	r.Ask = ask{Message: text, Thinking: p.Thinking, Model: p.Model, System: p.ExtraSystemPrompt, TimeoutMs: p.Timeout * 1000}
	is, known, err := a.submit(&r, func(tx *store.Tx, s *session) (err error) {
		if p.Label != "" && s.Label == nil {
			if err := a.checkLabel(tx, key, p.Label); err != nil {
				return err
			}
			s.Label = &p.Label
		}
		if p.SpawnedBy != "" && s.SpawnedBy == nil {
			s.SpawnedBy = &p.SpawnedBy
		}
		if !p.Deliver {
			return nil
		}
		if r.Ask.Deliver, err = deliverTo(key, *s, to); err != nil && p.BestEffortDeliver {
			r.Ask.Deliver, err = nil, nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if known {
		if err := sameRun(is, "agent", key); err != nil {
			return nil, err
		}
	}
	return msg.AgentAccepted{RunID: is.ID, Status: "accepted", AcceptedAt: is.AcceptedAt}, nil
}

// runSession chooses the session of a run: the one that is named, else that of
// whom it is for, else the agent's main one.
func (a *Agent) runSession(p msg.AgentRun) (key string, err error) {
	if p.AgentID != "" && !a.hasAgent(p.AgentID) {
		return "", bus.Errorf(bus.CodeInvalidRequest, "agentId: no agent %.64q is configured; agents.list names them", p.AgentID)
	}
	agent := cmp.Or(p.AgentID, a.defaultAgent())
	switch {
	case p.SessionKey != "":
		if key, err = a.sessionKey("sessionKey", p.SessionKey); err == nil && key != p.SessionKey && p.AgentID != "" {
			key = joinKey(agent, p.SessionKey)
		}
	case p.SessionID != "":
		key, err = a.findSession(func(_ string, s session) bool { return s.SessionID == p.SessionID })
		if err == nil && key == "" { // the original's clients make up the id of a session that they begin
			key, err = joinKey(agent, p.SessionID), checkWord("sessionId", p.SessionID, maxKey)
		}
	case p.To != "" && p.Channel != "" && p.Channel != "last":
		if err = checkChannel(p.Channel); err == nil {
			key = chatKey(agent, p.Channel, p.To)
		}
	default:
		key = mainSession(agent)
	}
	if err == nil && p.AgentID != "" && agentOf(key) != agent {
		err = bus.Errorf(bus.CodeInvalidRequest, "agentId: session %s is not of agent %s", key, agent)
	}
	return key, err
}

// agentWait waits for the end of a run.
func (a *Agent) agentWait(ctx context.Context, p msg.AgentWait) (any, error) {
	if err := checkWord("runId", p.RunID, maxRunID); err != nil {
		return nil, err
	}
	if t := a.turnOf(p.RunID); t != nil {
		if err := a.await(ctx, t, time.Duration(p.TimeoutMs)*time.Millisecond); err != nil {
			return nil, err
		}
	}
	r, err := a.runs.Get(p.RunID)
	if err == nil && !r.ended() && a.turnOf(p.RunID) == nil { // its turn may just have ended
		r, err = a.runs.Get(p.RunID)
		if err == nil && !r.ended() {
			r.Status, r.Error = runError, "how it ended is not known: that could not be stored"
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, bus.Errorf(bus.CodeInvalidRequest, "runId: no run %.64q is known", p.RunID)
	case err != nil:
		return nil, err
	}
	return doneOf(r), nil
}

// await waits for the end of a turn, or as long as it may.
func (a *Agent) await(ctx context.Context, t *turn, limit time.Duration) error {
	select {
	case a.waiters <- struct{}{}:
		defer func() { <-a.waiters }()
	default:
		return unavailable("%d requests wait for runs, more are not taken", cap(a.waiters))
	}
	timer := time.NewTimer(cmp.Or(limit, waitDefault))
	defer timer.Stop()
	select {
	case <-t.done:
	case <-timer.C:
	case <-ctx.Done():
		return unavailable("the agent stops")
	}
	return nil
}

// doneOf is how a run is, as agent.wait tells it.
func doneOf(r run) msg.AgentDone {
	d := msg.AgentDone{RunID: r.ID, StartedAt: r.StartedAt, EndedAt: r.EndedAt}
	switch r.Status {
	case runOK:
		d.Status, d.Summary = "ok", "completed"
		d.Result = &msg.AgentResult{
			Payloads: []msg.AgentPayload{{Text: r.Text}},
			Meta:     msg.AgentMeta{DurationMs: r.EndedAt - r.StartedAt, SessionKey: r.SessionKey},
		}
	case runError:
		d.Status, d.Summary, d.Error = "error", "failed", r.Error
	case runAborted:
		d.Status, d.Summary, d.Error = "error", "aborted", "aborted"
	default:
		d.Status = "timeout"
	}
	return d
}

func (a *Agent) agentIdentity(_ context.Context, p msg.AgentIdentityQuery) (any, error) {
	id := cmp.Or(p.AgentID, a.defaultAgent())
	if p.SessionKey != "" {
		key, err := a.sessionKey("sessionKey", p.SessionKey)
		switch {
		case err != nil:
			return nil, err
		case p.AgentID == "":
			id = agentOf(key)
		case agentOf(key) != p.AgentID:
			return nil, bus.Errorf(bus.CodeInvalidRequest, "agentId: session %s is not of agent %.64s", key, p.AgentID)
		}
	}
	if !a.hasAgent(id) {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "agentId: no agent %.64q is configured; agents.list names them", id)
	}
	return msg.AgentIdentity{AgentID: id, Name: id}, nil
}
