package openai

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"clawdbot/gateway/jsonhttp"
)

// FuzzBodies reads any body as either protocol's. What is taken is a run that the
// agent's row of the table takes too; what is not has a sentence and a status.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"messages": [{"role": "user", "content": "x"}], "stream": true, "user": "u"}`,
		`{"messages": [{"role": "system", "content": [{"type": "text", "text": "x"}]}, {"role": "tool", "name": "n", "content": "y"}]}`,
		`{"messages": [null, {"content": null}], "stream_options": null}`,
		`{"input": "x", "previous_response_id": "resp_ABC_DEF", "model": "agent:a"}`,
		`{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": ""}]}, {"type": "function_call_output", "output": [1]}]}`,
		`{"input": [[]], "instructions": 1}`, `[]`, `null`, `{"model": "clawdbot:*", "input": "x"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, read := range []func([]byte) (*prompt, error){readChat, readResponse} {
			p, err := read([]byte(body))
			var r run
			if err == nil {
				r, err = newRun(http.Header{}, p)
			}
			var e *jsonhttp.Error
			switch {
			case err == nil && (r.Message == "" || r.IdempotencyKey == "" || !strings.HasPrefix(r.SessionKey, "agent:")):
				t.Fatalf("%q makes %+v", body, r)
			case err != nil && (!errors.As(err, &e) || e.Status/100 != 4 || e.Message == ""):
				t.Fatalf("%q is refused with %v", body, err)
			}
		}
	})
}
