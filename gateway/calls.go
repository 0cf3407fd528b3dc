package gateway

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/gateway/frame"
)

// calls are the clients' requests that are under way on the bus. All answers come
// to one subscription, so a request costs no goroutine.
type calls struct {
	srv   *Server
	inbox string // where answers come, followed by the call's number

	mu   sync.Mutex
	last uint64
	open map[uint64]*call
	idle chan struct{} // closed when open is empty; nil unless drain waits
}

// call is one request of a client.
type call struct {
	client   *session
	id       string // the request's
	method   *method
	start    time.Time
	deadline time.Time

	first *method // of the response that was sent already; nil before
	run   string  // the run whose end is awaited then
}

// sweepEvery is how exact the time-outs of calls are.
const sweepEvery = 250 * time.Millisecond

func newCalls(s *Server, inbox string) *calls {
	return &calls{srv: s, inbox: inbox + ".", open: map[uint64]*call{}}
}

// ask sends the request to its owner.
func (cs *calls) ask(k *call, params []byte) *frame.Error {
	k.client.inFlight.Add(1)
	n := cs.add(k)
	m := &nats.Msg{
		Subject: k.method.subject, Reply: cs.inbox + strconv.FormatUint(n, 36), Header: k.client.header, Data: params,
	}
	if err := cs.srv.nc.PublishMsg(m); err != nil {
		cs.take(n)
		k.client.inFlight.Add(-1)
		return &frame.Error{Code: frame.CodeUnavailable, Message: k.method.Name + ": " + err.Error()}
	}
	return nil
}

func (cs *calls) add(k *call) uint64 {
	k.deadline = time.Now().Add(k.method.within())
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.last++
	cs.open[cs.last] = k
	return cs.last
}

// take returns the call and forgets it; nil when it has been answered.
func (cs *calls) take(n uint64) *call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	k := cs.open[n]
	delete(cs.open, n)
	return k
}

// hear takes an answer.
func (cs *calls) hear(m *nats.Msg) {
	n, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, cs.inbox), 36, 64)
	if err != nil {
		return
	}
	if k := cs.take(n); k != nil {
		k.client.inFlight.Add(-1)
		payload, failed := cs.read(k, m)
		cs.respond(k, payload, failed)
		cs.mu.Lock()
		cs.checkIdle()
		cs.mu.Unlock()
	}
}

// drain waits for the answers that are on their way, for at most patience: what a
// client asked for may be the very reason of the stop.
func (cs *calls) drain(patience time.Duration) {
	cs.mu.Lock()
	cs.idle = make(chan struct{})
	cs.checkIdle()
	idle := cs.idle
	cs.mu.Unlock()
	select {
	case <-idle:
	case <-time.After(patience):
	}
}

// checkIdle tells drain when there are no calls. It runs under the lock.
func (cs *calls) checkIdle() {
	if cs.idle != nil && len(cs.open) == 0 {
		close(cs.idle)
		cs.idle = nil
	}
}

// sweep answers the calls whose time is over, and forgets those whose client is
// gone.
func (cs *calls) sweep(now time.Time) {
	var late []*call
	cs.mu.Lock()
	for n, k := range cs.open {
		if now.After(k.deadline) || k.client.out.ended() {
			late = append(late, k)
			delete(cs.open, n)
		}
	}
	cs.mu.Unlock()
	for _, k := range late {
		k.client.inFlight.Add(-1)
		cs.respond(k, nil, &frame.Error{
			Code: frame.CodeUnavailable, Retryable: true, Message: k.method.Name + ": no answer within " + k.method.within().String(),
		})
	}
}

// read returns what the owner answers.
func (cs *calls) read(k *call, m *nats.Msg) ([]byte, *frame.Error) {
	if len(m.Header) > 0 {
		if len(m.Data) == 0 && m.Header.Get("Status") == "503" { // the server's word for: nobody listens
			return nil, cs.srv.unknownMethod(k.method.Name)
		}
		if code := m.Header.Get(micro.ErrorCodeHeader); code != "" {
			failed := &frame.Error{Code: code, Message: m.Header.Get(micro.ErrorHeader)}
			_ = json.Unmarshal(m.Data, failed) // details, when there are any
			return nil, failed
		}
	}
	if !k.method.isJSON(m.Data) {
		return nil, &frame.Error{Code: frame.CodeUnavailable, Message: k.method.Name + ": the answer is not JSON"}
	}
	return m.Data, nil
}

// respond tells the client, and asks for what follows the first response.
func (cs *calls) respond(k *call, payload []byte, failed *frame.Error) {
	if k.first != nil {
		cs.respondAgain(k, payload, failed)
		return
	}
	code := "ok"
	if failed != nil {
		code = failed.Code
	}
	cs.srv.metrics.request(cs.srv.methods.label(k.method.Name), code, time.Since(k.start))
	k.client.respond(k.id, payload, failed)
	var begun struct{ RunID string }
	if failed != nil || k.method.Then == "" || json.Unmarshal(payload, &begun) != nil || begun.RunID == "" {
		return
	}
	if next := cs.srv.method(k.method.Then); next != nil {
		cs.await(&call{client: k.client, id: k.id, method: next, start: k.start, first: k.method, run: begun.RunID})
	}
}

// await asks for the end of the run.
func (cs *calls) await(k *call) {
	wait := k.method.within()
	params, _ := json.Marshal(struct {
		RunID     string `json:"runId"`
		TimeoutMs int64  `json:"timeoutMs"`
	}{k.run, (wait - wait/10).Milliseconds()}) // a string and a number always encode
	if failed := cs.ask(k, params); failed != nil {
		k.client.respond(k.id, nil, failed)
	}
}

// respondAgain sends the second response. A run that takes longer than one may
// wait is asked for again.
func (cs *calls) respondAgain(k *call, payload []byte, failed *frame.Error) {
	var end struct{ Status, Error string }
	if failed == nil {
		_ = json.Unmarshal(payload, &end) // without a status it is an end as well
	}
	switch end.Status {
	case "timeout":
		if !k.client.out.ended() {
			again := *k
			cs.await(&again)
		}
		return
	case "error":
		failed = &frame.Error{Code: frame.CodeUnavailable, Message: end.Error, Details: map[string]any{"runId": k.run}}
		if end.Error == "" {
			failed.Message = k.first.Name + ": the run failed"
		}
	}
	k.client.respond(k.id, payload, failed)
}
