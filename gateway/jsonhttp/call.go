package jsonhttp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/rpc"
	"clawdbot/bus/subject"
)

// Methods asks for methods of the control plane, in the name of whoever passed
// the gate. Its zero value is useless. It is safe for use by many goroutines.
type Methods struct {
	Conn     *nats.Conn
	Subjects subject.Space
}

// Call is bus.Call for a method whose params are first checked by the table, as
// the gateway checks those of its clients: an *Error names the place of what is
// wrong.
func (m Methods) Call(ctx context.Context, method string, params, out any) error {
	subj, err := m.Subjects.RPC(method)
	if err != nil {
		return err
	}
	if row, ok := rpc.Find(method); ok && params != nil {
		body, err := json.Marshal(params)
		if err != nil {
			return fmt.Errorf("params of %s: %w", method, err)
		}
		if err := row.Check(body); err != nil {
			return Errorf(http.StatusBadRequest, "invalid %s params: %v", method, err)
		}
	}
	return bus.Call(ctx, m.Conn, subj, params, out)
}
