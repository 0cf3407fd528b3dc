package browsermcp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"clawdbot/browser/api"
)

// sent is one call that a tool made.
type sent struct {
	method, path string
	in           map[string]any
}

// client connects a client of the protocol to Serve with the call.
func client(t *testing.T, call Call) *mcp.ClientSession {
	t.Helper()
	fromClient, toServer := io.Pipe()
	fromServer, toClient := io.Pipe()
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- Serve(ctx, "1.2.3", call, fromClient, toClient) }()
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := c.Connect(t.Context(), &mcp.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = session.Close() // ends Serve, as an agent that goes does
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		cancel()
	})
	return session
}

// answering is a browser control that notes the call and answers with body.
func answering(got *sent, body string, err error) Call {
	return func(_ context.Context, method, path string, in any) ([]byte, error) {
		raw, _ := json.Marshal(in)
		*got = sent{method: method, path: path}
		_ = json.Unmarshal(raw, &got.in)
		return []byte(body), err
	}
}

func TestTools(t *testing.T) {
	snapshot, _ := json.Marshal(api.Snapshot{Format: "ai", URL: "http://x/", Snapshot: "- button \"Go\" [ref=e1]", Truncated: true})
	picture, _ := json.Marshal(api.Screenshot{Data: []byte("png"), ContentType: "image/png"})
	for _, c := range []struct {
		tool, args string
		answer     string
		method     string
		path       string
		field      string
		value      any
		says       string
	}{
		{"browser_open", `{"url":"http://x/"}`, `{"targetId":"T"}`, "POST", "/tabs/open", "url", "http://x/", `"targetId":"T"`},
		{"browser_close", `{"targetId":"a/b"}`, `{}`, "DELETE", "/tabs/a%2Fb", "targetId", "a/b", "{}"},
		{"browser_click", `{"ref":"e1","button":"right","targetId":"T"}`, `{}`, "POST", "/act", "kind", "click", "{}"},
		{"browser_type", `{"ref":"e1","text":"hi","submit":true}`, `{}`, "POST", "/act", "submit", true, "{}"},
		{"browser_snapshot", `{"interactive":true}`, string(snapshot), "GET", "/snapshot", "interactive", true, "- button \"Go\" [ref=e1]\n(there is more"},
		{"browser_screenshot", `{}`, string(picture), "POST", "/screenshot", "inline", true, ""},
		{"browser_storage_set", `{"kind":"local","key":"k","value":"v"}`, `{}`, "POST", "/storage/local/set", "value", "v", "{}"},
		{"browser_fill", `{"fields":[{"ref":"e1","value":true}]}`, `{}`, "POST", "/act", "kind", "fill", "{}"},
	} {
		t.Run(c.tool, func(t *testing.T) {
			var got sent
			session := client(t, answering(&got, c.answer, nil))
			result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: c.tool, Arguments: json.RawMessage(c.args)})
			if err != nil || result.IsError {
				t.Fatalf("%v %+v", err, result)
			}
			if got.method != c.method || got.path != c.path || got.in[c.field] != c.value {
				t.Errorf("the call is %+v", got)
			}
			switch content := result.Content[0].(type) {
			case *mcp.TextContent:
				if !strings.Contains(content.Text, c.says) {
					t.Errorf("it says %q, want %q", content.Text, c.says)
				}
			case *mcp.ImageContent:
				if string(content.Data) != "png" || content.MIMEType != "image/png" {
					t.Errorf("%+v", content)
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	var got sent
	session := client(t, answering(&got, "", errors.New("unknown ref e9: take a new snapshot")))
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "browser_click", Arguments: json.RawMessage(`{"ref":"e9"}`)})
	if err != nil || !result.IsError || result.Content[0].(*mcp.TextContent).Text != "unknown ref e9: take a new snapshot" {
		t.Errorf("%v %+v", err, result)
	}
	for _, args := range []string{`{}`, `{"ref":1}`, `{"ref":"e1","colour":"red"}`} {
		got = sent{}
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "browser_click", Arguments: json.RawMessage(args)})
		if err == nil && !result.IsError || got.method != "" {
			t.Errorf("arguments %s are taken: %+v", args, got)
		}
	}
}

// TestEveryToolSaysWhatItTakes looks at the list as an agent does.
func TestEveryToolSaysWhatItTakes(t *testing.T) {
	session := client(t, nil)
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Tools) < 45 {
		t.Errorf("%d tools", len(list.Tools))
	}
	for _, tool := range list.Tools {
		if tool.Description == "" || tool.InputSchema == nil {
			t.Errorf("%s: no description or schema", tool.Name)
		}
	}
}
