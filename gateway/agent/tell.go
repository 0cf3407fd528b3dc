package agent

import (
	"encoding/json"
	"time"

	"clawdbot/bus/msg"
)

// tellEvery is how often a growing answer is told: each time tells all of it.
const tellEvery = 150 * time.Millisecond

// teller publishes the events of one run. It is not safe for use by many
// goroutines.
type teller struct {
	agent       *Agent
	runID, key  string
	chats, acts uint64 // events so far
	text        []byte // so far
	told        int    // bytes of text
	last        time.Time
}

// start tells that the run is under way.
func (t *teller) start(r run) {
	t.act("lifecycle", msg.AgentEventData{Phase: "start", StartedAt: r.StartedAt})
}

// delta takes a piece of the answer.
func (t *teller) delta(piece string) {
	t.text = append(t.text, clip(piece, maxAnswer-len(t.text))...)
	if now := time.Now(); now.Sub(t.last) >= tellEvery {
		t.last = now
		t.flush()
		m := message("assistant", string(t.text), now.UnixMilli())
		t.chat(msg.ChatEvent{State: "delta", Message: &m})
	}
}

// flush tells what is new of the text.
func (t *teller) flush() {
	if t.told < len(t.text) {
		t.act("assistant", msg.AgentEventData{Text: string(t.text), Delta: string(t.text[t.told:])})
		t.told = len(t.text)
	}
}

// end tells how the run ended.
func (t *teller) end(r run) {
	if len(t.text) == 0 {
		t.text = []byte(r.Text)
	}
	t.flush()
	life := msg.AgentEventData{Phase: "end", StartedAt: r.StartedAt, EndedAt: r.EndedAt, Aborted: r.Status == runAborted}
	e := msg.ChatEvent{State: "final"}
	switch r.Status {
	case runError:
		life.Phase, life.Error = "error", r.Error
		e.State, e.ErrorMessage = "error", r.Error
	case runAborted:
		e.State, e.StopReason = "aborted", "rpc"
	}
	if r.Text != "" {
		m := answerOf(r)
		e.Message = &m
	}
	t.act("lifecycle", life)
	t.chat(e)
}

func (t *teller) chat(e msg.ChatEvent) {
	t.chats++
	e.RunID, e.SessionKey, e.Seq = t.runID, t.key, t.chats
	t.agent.publish("chat", e)
}

func (t *teller) act(stream string, data msg.AgentEventData) {
	t.acts++
	t.agent.publish("agent", msg.AgentEvent{
		RunID: t.runID, SessionKey: t.key, Stream: stream, Data: data, Seq: t.acts, TS: time.Now().UnixMilli(),
	})
}

// publish sends an event to whom it concerns. Events may be lost; what they tell
// is in the store.
func (a *Agent) publish(name string, payload any) {
	subj, err := a.subjects.Event(name)
	var body []byte
	if err == nil {
		body, err = json.Marshal(payload)
	}
	if err == nil {
		err = a.nc.Publish(subj, body)
	}
	if err != nil {
		a.log.Warn("event not published", "event", name, "err", err)
	}
}
