package gateway

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gobwas/ws"

	"clawdbot/gateway/frame"
)

// refusal is how a handshake ends: an answer, unless there is no request to
// answer, and a close frame.
type refusal struct {
	id     string
	err    *frame.Error // nil sends none
	code   ws.StatusCode
	reason string
	quiet  bool // has been logged already
}

func refuse(id string, err *frame.Error) *refusal {
	return &refusal{id: id, err: err, code: frame.ClosePolicy, reason: err.Message}
}

func invalid(format string, args ...any) *frame.Error {
	return &frame.Error{Code: frame.CodeInvalidRequest, Message: fmt.Sprintf(format, args...)}
}

// admit checks the first frame and answers it with hello-ok, or tells why not.
func (c *session) admit(first []byte) *refusal {
	req, err := frame.DecodeRequest(first)
	if err != nil {
		return &refusal{code: frame.ClosePolicy, reason: "invalid request frame"}
	}
	if req.Method != frame.MethodConnect {
		return refuse(req.ID, invalid("invalid handshake: first request must be connect"))
	}
	connect, err := frame.DecodeConnect(req.Params)
	if err != nil {
		return refuse(req.ID, invalid("invalid connect params: %v", err))
	}
	if connect.MinProtocol > frame.Protocol || connect.MaxProtocol < frame.Protocol {
		failed := invalid("protocol mismatch")
		failed.Details = map[string]any{"expectedProtocol": frame.Protocol}
		return &refusal{id: req.ID, err: failed, code: frame.CloseProtocol, reason: failed.Message}
	}
	c.srv.admitting.RLock() // what lets a client in is not taken back before it is known to be in
	defer c.srv.admitting.RUnlock()
	access, failed := c.authenticate(&connect)
	if failed != nil {
		no := refuse(req.ID, failed)
		no.quiet = failed.Retryable // it is to come again, and may do so often
		return no
	}
	connect.Auth = frame.Auth{} // a connection lasts; its secrets need not
	c.connect, c.access, c.since = connect, access, time.Now()
	c.header = c.headers()
	return c.greet(req.ID)
}

// greet sends hello-ok before any event, but with nothing missed between its
// snapshot and the first event.
func (c *session) greet(id string) *refusal {
	c.out.hold()
	defer c.out.release()
	c.srv.hub.connect(c)
	if c.connect.Role == frame.RoleNode {
		if err := c.srv.nodes.join(c); err != nil {
			return refuse(id, &frame.Error{Code: frame.CodeUnavailable, Message: err.Error(), Retryable: true})
		}
	}
	hello := c.srv.hello(c)
	hello.Auth, c.access.token = c.access.token, nil
	body, _ := json.Marshal(hello) // plain structs always encode
	c.respond(id, body, nil)
	return nil
}
