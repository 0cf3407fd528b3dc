package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// signUp is a page with something for each command.
const signUp = `<title>Sign up</title><h1>Sign up</h1>
<form onsubmit="return false"><label>Name <input id=n></label><label><input type=checkbox> I agree</label>
<select aria-label=Plan><option>Free<option>Pro</select><input type=file aria-label=Photo><button>Send</button></form>
<a href="/done">Next</a><a href="/file" download="note.txt">Note</a>
<script>console.log("hello \x1b[31m"); setTimeout(() => { throw new Error("oh no") })</script>`

// TestBrowserPage works on a page as a person at the terminal does.
func TestBrowserPage(t *testing.T) {
	h := newHome(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/done":
			_, _ = w.Write([]byte("<title>Done</title><p>Thanks"))
		case "/file":
			_, _ = w.Write([]byte("a note"))
		default:
			_, _ = w.Write([]byte(signUp))
		}
	}))
	defer site.Close()
	h.gateway(h.setup("main", h.base), 0)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "browser"}, args...)...)
	}
	on("snapshot").wants(1, "", "browser not running")
	on("open", site.URL).wants(0, "Sign up", "")
	page := on("snapshot").wants(0, `heading "Sign up" [level=1]`, "").out
	ref := func(what string) string {
		t.Helper()
		found := regexp.MustCompile(regexp.QuoteMeta(what) + `.*?\[ref=(e\d+)\]`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("no %s in\n%s", what, page)
		}
		return found[1]
	}
	on("type", ref(`textbox "Name"`), "Ada").wants(0, "main: typed into", "")
	on("evaluate", "document.querySelector('#n').value").wants(0, `"Ada"`, "")
	on("fill", ref(`textbox "Name"`)+"=Bob", ref(`checkbox "I agree"`)+"=true").wants(0, "filled 2 fields", "")
	on("select", ref(`combobox "Plan"`), "Pro").wants(0, "chose Pro", "")
	on("snapshot", "--interactive").wants(0, `checkbox "I agree" [checked]`, "").wants(0, "Bob", "")
	on("click", ref(`button "Send"`), "--double").wants(0, "clicked", "")
	on("press", "Control+A").wants(0, "pressed Control+A", "")
	on("hover", ref(`button "Send"`)).wants(0, "the mouse is over", "")
	photo := filepath.Join(t.TempDir(), "photo.png")
	if err := os.WriteFile(photo, []byte("png"), 0o600); err != nil {
		t.Fatal(err)
	}
	on("upload", photo, "--input-ref", ref(`"Photo"`)).wants(0, "uploaded 1 file", "")
	on("evaluate", "document.querySelector('[type=file]').files[0].name").wants(0, `"photo.png"`, "")

	console := on("console").wants(0, "hello", "")
	if strings.Contains(console.out, "\x1b") {
		t.Error("the page's console reaches the terminal as it is")
	}
	on("errors").wants(0, "oh no", "")
	on("requests", "--filter", site.URL).wants(0, "document", "")
	for _, args := range [][]string{{"screenshot"}, {"screenshot", "--full-page", "--type", "jpeg"}, {"pdf"}} {
		path := strings.TrimSpace(on(args...).wants(0, "", "").out)
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%v: %v", args, err)
		}
	}
	out := filepath.Join(t.TempDir(), "page.yaml")
	on("snapshot", "--out", out).wants(0, out, "")
	if body, _ := os.ReadFile(out); !strings.Contains(string(body), "Sign up") {
		t.Errorf("the file holds %q", body)
	}
	on("snapshot", "--format", "aria").wants(0, `heading "Sign up"`, "")

	on("cookies", "set", "a", "b", "--url", site.URL).wants(0, "cookie a is set", "")
	on("cookies").wants(0, "a", "")
	on("cookies", "clear").wants(0, "all cookies are deleted", "")
	on("storage", "local", "set", "k", "").wants(0, "k is stored", "")
	on("storage", "local", "get").wants(0, "k", "")
	on("storage", "session", "clear").wants(0, "nothing is stored", "")
	on("set", "media", "dark").wants(0, "the colour scheme is dark", "")
	on("evaluate", "matchMedia('(prefers-color-scheme: dark)').matches").wants(0, "true", "")
	on("set", "headers", "X-A=1").wants(0, "1 header", "")
	on("set", "viewport", "400", "300").wants(0, "400 × 300", "")
	on("set", "geo", "--", "-33.8", "151.2").wants(0, "-33.8, 151.2", "")
	on("set", "offline", "off").wants(0, "the page is online", "")

	file := filepath.Join(t.TempDir(), "note.txt")
	on("download", ref(`link "Note"`), file).wants(0, file, "")
	if body, _ := os.ReadFile(file); string(body) != "a note" {
		t.Errorf("the download holds %q", body)
	}
	on("click", ref(`link "Next"`)).wants(0, "/done", "")
	on("wait", "--url", "**/done", "--text", "Thanks").wants(0, "the page is as it should be", "")
	on("click", ref(`button "Send"`)).wants(1, "", "take a new snapshot")
	on("navigate", site.URL).wants(0, "the page is "+site.URL, "")
	on("tab", "new").wants(0, "about:blank", "")
	on("tab").wants(0, " 2  ", "")
	on("tab", "close", "2").wants(0, "the tab is closed", "")
	on("ps").wants(0, "clawd    running", "")
	on("create-profile", "work").wants(0, "browser profile work is created", "")
	on("delete-profile", "work").wants(0, "browser profile work is deleted", "")
	h.mcp(t, site.URL)
	on("reset-profile").wants(0, "are in", "")
}

// mcp asks for the page's title as an agent does.
func (h *home) mcp(t *testing.T, address string) {
	t.Helper()
	in, write := io.Pipe() // open until the answer is there, as an agent keeps it
	read, out := io.Pipe()
	a := &app{Streams: Streams{In: in, Out: out, Err: io.Discard}, version: testVersion, env: h.env()}
	root := newRoot(a)
	root.SetArgs([]string{"--profile", "main", "browser", "mcp"})
	ended := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(t.Context())
		out.Close()
		ended <- err
	}()
	go func() {
		for _, line := range []string{
			`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
			`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
			`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"browser_navigate","arguments":{"url":"` + address + `/done"}}}`,
		} {
			_, _ = io.WriteString(write, line+"\n") // fails only when the command is gone, and then there is no answer
		}
	}()
	answered := false
	for lines := bufio.NewScanner(read); !answered && lines.Scan(); {
		var said struct {
			ID     int
			Result struct {
				IsError bool
				Content []struct{ Text string }
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		if answered = said.ID == 2; !answered {
			continue
		}
		if said.Result.IsError || len(said.Result.Content) != 1 || !strings.Contains(said.Result.Content[0].Text, address+"/done") {
			t.Errorf("the tool says %s", lines.Text())
		}
	}
	write.Close()
	go func() { _, _ = io.Copy(io.Discard, read) }() // ends with the command
	if err := <-ended; err != nil || !answered {
		t.Errorf("mcp: %v, answered %v", err, answered)
	}
}

// TestBrowserBadInput says what is wrong before anything is asked of the gateway.
func TestBrowserBadInput(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	for want, args := range map[string][]string{
		"clawdbot browser click needs REF":                {"click"},
		"browser type needs TEXT":                         {"type", "e1"},
		`HEIGHT must be a whole number, got "x"`:          {"resize", "10", "x"},
		`"e1" is no field: write it like e12=text`:        {"fill", "e1"},
		"fill needs fields":                               {"fill"},
		"the fields must be a JSON list":                  {"fill", "--fields", "{"},
		"dialog needs --accept or --dismiss":              {"dialog"},
		`offline is on or off, not "maybe"`:               {"set", "offline", "maybe"},
		"geo needs LATITUDE and LONGITUDE":                {"set", "geo", "1"},
		"--json must be an object":                        {"set", "headers", "--json", "["},
		"cookies set needs --url, or --domain and --path": {"cookies", "set", "a", "b"},
		"the number must be 1 or more":                    {"tab", "select", "0"},
		"credentials needs USER and PASSWORD, or --clear": {"set", "credentials", "me"},
		"evaluate needs an expression or a function":      {"evaluate"},
		`unknown command "fly" for "clawdbot browser"`:    {"fly"},
		"delete-profile needs NAME":                       {"delete-profile"},
		`clawdbot browser upload needs FILE…`:             {"upload"},
		`--url "nowhere" is no address`:                   {"click", "e1", "--url", "nowhere"},
	} {
		h.run(append([]string{"--profile", "main", "browser"}, args...)...).wants(2, "", want)
	}
}
