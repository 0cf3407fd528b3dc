package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"clawdbot/browser/api"
	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// request is rpc.browser.request: any route of browser control, for clients that
// come through the gateway. Who may ask was checked there.
func (s *Server) request(ctx context.Context, r *bus.Request) (any, error) {
	var q msg.BrowserRequest
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(q.Path, "/") {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "path: %.64q does not begin with /", q.Path)
	}
	if q.TimeoutMs > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(q.TimeoutMs)*time.Millisecond)
		defer cancel()
	}
	route := url.URL{Path: q.Path}
	values := url.Values{}
	for name, value := range q.Query {
		values.Set(name, value)
	}
	route.RawQuery = values.Encode()
	req, err := http.NewRequestWithContext(ctx, q.Method, route.String(), bytes.NewReader(q.Body))
	if err != nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	w := &reply{header: http.Header{}, status: http.StatusOK}
	s.routes().ServeHTTP(w, req)
	if w.status >= http.StatusBadRequest {
		var failed api.Failure
		if err := json.Unmarshal(w.body.Bytes(), &failed); err != nil {
			return nil, err
		}
		return nil, busError(api.Errorf(w.status, "%s", failed.Error))
	}
	return json.RawMessage(w.body.Bytes()), nil
}

// reply is a route's answer, kept.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *reply) Header() http.Header         { return w.header }
func (w *reply) WriteHeader(status int)      { w.status = status }
func (w *reply) Write(b []byte) (int, error) { return w.body.Write(b) }
