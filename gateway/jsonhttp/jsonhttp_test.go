package jsonhttp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/gateway/jsonhttp"
)

type shape struct {
	Name  string   `json:"name"`
	Count int      `json:"count"`
	Tags  []string `json:"tags"`
	Deep  struct {
		On *bool `json:"on"`
	} `json:"deep"`
}

func TestBodyAndDecode(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		status     int
		says       string
	}{
		{"application/json", `{"name": "x", "count": 2, "unknown": [1]}`, 200, ""},
		{"application/json; charset=utf-8", `{}`, 200, ""},
		{"application/cloudevents+json", `{}`, 200, ""},
		{"text/plain", `{}`, 415, "send JSON"},
		{"", `{}`, 415, "send JSON"},
		{"application/x-www-form-urlencoded", `{}`, 415, "send JSON"},
		{"application/json", ``, 400, "the body is empty"},
		{"application/json", `{"name"`, 400, "not JSON at byte 7"},
		{"application/json", `{"deep": {"on": tru}}`, 400, "at /deep/on: not JSON at byte"},
		{"application/json", `{} {}`, 400, "not JSON at byte"},
		{"application/json", "{\"name\": \"\xff\"}", 400, "/name"},
		{"application/json", `{"name": "a", "name": "b"}`, 400, "at /name: repeated key"},
		{"application/json", `{"count": "2"}`, 400, "at /count: must be a whole number"},
		{"application/json", `{"tags": [1]}`, 400, "at /tags/0: must be a string"},
		{"application/json", `{"tags": {}}`, 400, "at /tags: must be an array"},
		{"application/json", `{"deep": {"on": 1}}`, 400, "at /deep/on: must be true or false"},
		{"application/json", `[]`, 400, "the body: must be an object"},
		{"application/json", strings.Repeat("[", 20000), 400, "not JSON"},
		{"application/json", `{"name": "` + strings.Repeat("x", 70000) + `"}`, 413, "longer than 65536 bytes"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		body, err := jsonhttp.Body(httptest.NewRecorder(), r, 64<<10)
		if err == nil {
			err = jsonhttp.Decode(body, &shape{})
		}
		status := 200
		var e *jsonhttp.Error
		if errors.As(err, &e) {
			status = e.Status
		}
		if status != c.status || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %.60s: got %d %v, want %d %q", c.kind, c.body, status, err, c.status, c.says)
		}
	}
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		retry  string
	}{
		{jsonhttp.Errorf(418, "tea"), 418, ""},
		{bus.Errorf(bus.CodeInvalidRequest, "x"), 400, ""},
		{bus.Errorf(bus.CodeNotPaired, "x"), 403, ""},
		{bus.Errorf(bus.CodeNotLinked, "x"), 409, ""},
		{bus.Errorf(bus.CodeAgentTimeout, "x"), 504, ""},
		{bus.Errorf(bus.CodeUnavailable, "x"), 503, ""},
		{&bus.Error{Code: bus.CodeUnavailable, Message: "x", Retryable: true}, 503, "1"},
		{fmt.Errorf("wrapped: %w", &bus.Error{Code: bus.CodeUnavailable, Message: "x", Retryable: true, RetryAfterMs: 2500}), 503, "3"},
		{fmt.Errorf("request: %w", context.DeadlineExceeded), 504, ""},
		{errors.New("anything"), 503, ""},
	} {
		w := httptest.NewRecorder()
		jsonhttp.Refuse(w, jsonhttp.Of(c.err), map[string]string{"error": "x"})
		if w.Code != c.status || w.Header().Get("Retry-After") != c.retry || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: got %d, Retry-After %q, want %d %q", c.err, w.Code, w.Header().Get("Retry-After"), c.status, c.retry)
		}
	}
}

// TestBodyLiftsTheDeadline answers after the server's time for reading has passed.
func TestBodyLiftsTheDeadline(t *testing.T) {
	const reading = 100 * time.Millisecond
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := jsonhttp.Body(w, r, 1000); err != nil {
			jsonhttp.Write(w, http.StatusBadRequest, err.Error())
			return
		}
		select {
		case <-r.Context().Done():
			t.Error("the request ended with the time for reading it")
		case <-time.After(2 * reading):
			jsonhttp.Write(w, http.StatusOK, "late")
		}
	}))
	srv.Config.ReadTimeout = reading
	srv.Start()
	defer srv.Close()
	resp, err := srv.Client().Post(srv.URL, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

func TestMethodsCheckParams(t *testing.T) {
	b := bustest.Start(t, "main")
	m := jsonhttp.Methods{Conn: b.Conn(t), Subjects: b.Subjects}
	err := m.Call(t.Context(), "wake", map[string]string{"text": "x", "mode": "never"}, nil)
	var e *jsonhttp.Error
	if !errors.As(err, &e) || e.Status != 400 || !strings.Contains(e.Message, "invalid wake params: at /mode") {
		t.Errorf("got %v", err)
	}
	err = m.Call(t.Context(), "wake", map[string]string{"text": "x", "mode": "now"}, nil)
	if e := jsonhttp.Of(err); e.Status != 503 || e.RetryAfter == 0 {
		t.Errorf("without an agent: %v", err)
	}
}
