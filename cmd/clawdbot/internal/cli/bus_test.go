package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"clawdbot/bus"
	"clawdbot/profile"
)

func TestBus(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "bus"}, args...)...)
	}
	on("users", "--json").wants(3, `"error": "the gateway of profile main does not run"`, "try: ")
	for _, args := range [][]string{{"info"}, {"users"}, {"sub"}, {"pub", "clawdbot.main.in.x"}, {"req", "$SRV.PING"}, {"grant", "x", "--publish", "clawdbot.main.in.x"}} {
		on(args...).wants(3, "", "the gateway of profile main does not run\ntry: clawdbot --profile main gateway\n")
	}
	h.gateway(p, 0)
	url := fmt.Sprintf("nats://127.0.0.1:%d", h.base+5)
	on("info").wants(0, url, "")
	on("info", "--json").wants(0, `"context": "clawdbot-main"`, "")
	on("users").wants(0, "debug\n  publishes   $SRV.>", "")

	on("sub", "--count", "1").wants(0, " clawdbot.main.", "listening on clawdbot.main.> as debug of profile main")
	var line busLine
	on("sub", "clawdbot.main.health.beat", "--count", "1", "--json").wants(0, "", "").into(&line)
	if line.Subject != "clawdbot.main.health.beat" || line.Size < 100 {
		t.Errorf("%+v", line)
	}
	if out := on("sub", "clawdbot.main.health.beat", "--count", "2").wants(0, " bytes {", "").out; strings.Count(out, "\n") != 2 {
		t.Errorf("not a line for each message: %s", out)
	}
	on("sub", "clawdbot.main.health.beat", "--count", "1", "--pretty").wants(0, " bytes\n  {\n", "")
	on("sub", "clawdbot.main.event.nothing", "--count", "2", "--timeout", "20ms").wants(1, "", "0 of 2 messages came")
	on("sub", "clawdbot.main.event.nothing", "--timeout", "20ms").wants(0, "", "")
	on("req", "clawdbot.main.in.cli", `{"text":"/help"}`).wants(0, `"seq": 1`, "")
	h.runWith(`{"text":"/help"}`, "--profile", "main", "bus", "req", "clawdbot.main.in.cli", "-").wants(0, `"seq": 2`, "")
	on("req", "$SRV.PING.agent").wants(0, `"name": "agent"`, "")
	on("req", "$SRV.PING.nobody").wants(1, "", "nobody answers on $SRV.PING.nobody")
	on("req", "clawdbot.main.in.cli", "[1").wants(1, "", "INVALID_REQUEST: ")
	on("pub", "clawdbot.main.in.cli", "hi", "--count", "2").wants(0, "sent 2 messages of 2 bytes", "")
}

// TestBusSubEnds ends a subscription by hand, also while no gateway runs, and
// lets one outlive a restart.
func TestBusSubEnds(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	stop := h.gateway(p, 0)
	sub := func(args ...string) (cancel context.CancelFunc, lines *bufio.Scanner, code chan int) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		said, errs := io.Pipe()
		a := &app{Streams: Streams{In: strings.NewReader(""), Out: errs, Err: errs}, version: testVersion, env: h.env()}
		root := newRoot(a)
		root.SetArgs(append([]string{"--profile", "main", "bus", "sub"}, args...))
		code = make(chan int, 1)
		go func() {
			code <- a.report(root.ExecuteContext(ctx))
			errs.Close()
		}()
		return cancel, bufio.NewScanner(said), code
	}
	says := func(lines *bufio.Scanner, want string) {
		t.Helper()
		if !lines.Scan() || !strings.Contains(lines.Text(), want) {
			t.Fatalf("%q, want %q", lines.Text(), want)
		}
	}
	cancel, lines, code := sub("clawdbot.main.event.nothing")
	says(lines, "listening on clawdbot.main.event.nothing")
	stop()
	says(lines, "the connection to the bus of profile main ended; waiting for the gateway")
	cancel()
	if lines.Scan() || <-code != 0 {
		t.Errorf("ended by hand: %q", lines.Text())
	}
	stop = h.gateway(p, 0)
	_, lines, code = sub("clawdbot.main.in.x", "--count", "1")
	says(lines, "listening on")
	stop()
	says(lines, "waiting for the gateway")
	h.gateway(p, 0)
	says(lines, "the bus of profile main is back")
	line := make(chan string, 1)
	go func() { lines.Scan(); line <- lines.Text() }()
	await(t, "the message", func() bool {
		h.run("--profile", "main", "bus", "pub", "clawdbot.main.in.x", `{"text":"hi"}`)
		return len(line) > 0
	})
	if got := <-line; !strings.HasSuffix(got, ` clawdbot.main.in.x 13 bytes {"text":"hi"}`) || <-code != 0 {
		t.Error(got)
	}
}

// TestBusDenied gives what a user may not do, or a wrong password, one line
// and the command that helps.
func TestBusDenied(t *testing.T) {
	h := newHome(t)
	h.gateway(h.setup("main", h.base), 0)
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		err  string
	}{
		{"pub clawdbot.main.event.x", 1, "neither debug nor ingress of profile main may publish to clawdbot.main.event.x: grant a user, then give --as NAME --password-file FILE\n" +
			"try: clawdbot --profile main bus grant NAME --publish 'clawdbot.main.event.x'\n"},
		{"req clawdbot.main.rpc.health", 1, "try: clawdbot --profile main bus grant NAME --publish 'clawdbot.main.rpc.health'\n"},
		{"pub clawdbot.main.in.x --as debug", 1, "user debug of profile main may not publish to clawdbot.main.in.x\ntry: "},
		{"req clawdbot.main.in.x --as debug", 1, "user debug of profile main may not publish to clawdbot.main.in.x\ntry: "},
		{"sub clawdbot.main.in.x --as ingress", 1, "user ingress of profile main may not subscribe to clawdbot.main.in.x\n" +
			"try: clawdbot --profile main bus grant NAME --subscribe 'clawdbot.main.in.x'\n"},
		{"pub clawdbot.main.health.beat", 1, "nobody on the bus of profile main may publish to clawdbot.main.health.beat"},
		{"sub other.>", 1, "nobody on the bus of profile main may subscribe to other.>"},
		{"pub clawdbot.main.in.x --as weather --password-file " + wrong, 1, "refuses user weather: no such user, or a wrong password\ntry: clawdbot --profile main bus grant weather"},
		{"pub clawdbot.main.in.x --password-file " + wrong, 1, "refuses user ingress: no such user, or a wrong password\ntry: clawdbot --profile main gateway restart"},
		{"pub clawdbot.main.in.x --as weather", 2, "the password of user weather is needed"},
		{"pub clawdbot.main.in.*", 2, `"clawdbot.main.in.*" is no subject to publish to`},
		{"sub a..b", 2, `"a..b" is no subject to subscribe to`},
		{"pub clawdbot.main.in.x - --password-file -", 2, "cannot both come from the input"},
		{"pub clawdbot.main.in.x --count 0", 2, "--count: 0 is no number of messages"},
		{"grant Weather --publish clawdbot.main.in.x", 2, `name "Weather"`},
		{"grant weather", 2, "give --publish or --subscribe"},
		{"grant debug --publish clawdbot.main.in.x", 2, "is a name of the gateway's own"},
		{"grant weather --publish clawdbot.rescue.in.x", 2, "must lie under clawdbot.main.>"},
		{"revoke weather", 1, `no grant named "weather"`},
	} {
		r := h.run(append([]string{"--profile", "main", "bus"}, strings.Fields(c.args)...)...).wants(c.code, "", c.err)
		if lines := strings.Count(r.err, "\n"); lines > 2 {
			t.Errorf("%s: %d lines: %s", c.args, lines, r.err)
		}
	}
}

// TestGrant lets a program in, and out again.
func TestGrant(t *testing.T) {
	h := newHome(t)
	h.gateway(h.setup("main", h.base), 0)
	on := func(input string, args ...string) result {
		t.Helper()
		return h.runWith(input, append([]string{"--profile", "main", "bus"}, args...)...)
	}
	var g granted
	on("", "grant", "weather", "--publish", "clawdbot.main.in.weather", "--subscribe", "clawdbot.main.out.weather", "--json").wants(0, "", "").into(&g)
	if g.URL != fmt.Sprintf("nats://127.0.0.1:%d", h.base+5) || g.User != "weather" || len(g.Password) != 64 || g.InboxPrefix != bus.InboxPrefix("weather") {
		t.Errorf("%+v", g)
	}
	users := on("", "users").wants(0, "weather\n  publishes   clawdbot.main.in.weather", "")
	if strings.Contains(users.out, g.Password) {
		t.Error("users shows a password")
	}
	await(t, "the grant", func() bool {
		return on(g.Password+"\n", "req", "clawdbot.main.in.weather", `{"text":"/help"}`, "--as", "weather", "--password-file", "-").code == 0
	})
	on(g.Password, "pub", "clawdbot.main.in.other", "--as", "weather", "--password-file", "-").
		wants(1, "", "try: clawdbot --profile main bus grant weather --publish 'clawdbot.main.in.other'")
	on("", "revoke", "weather").wants(0, "no user of profile main's bus any more", "")
	await(t, "the end of the grant", func() bool {
		return on(g.Password, "pub", "clawdbot.main.in.weather", "--as", "weather", "--password-file", "-").code == 1
	})
	again := on("", "grant", "weather", "--publish", "clawdbot.main.in.weather").wants(0, "  user          weather", "")
	if again.err != "" {
		t.Errorf("a fresh user: %s", again.err)
	}
	on("", "grant", "weather", "--publish", "clawdbot.main.in.weather", "--json").
		wants(0, `"subscribe": []`, "user weather was there: it has a new password, and the old one ends")
	if !strings.Contains(again.out, "The password is shown this once.") || strings.Contains(again.out, g.Password) {
		t.Error(again.out)
	}
}

func TestBusContext(t *testing.T) {
	h := newHome(t)
	h.run("--profile", "main", "bus", "context").wants(78, "", "profile main is not set up")
	h.setup("main", h.base)
	rescue := h.setup("rescue", 0)
	choice := filepath.Join(h.dir, ".config", "nats", "context.txt")
	h.run("--profile", "main", "bus", "context").wants(0, "Context clawdbot-main is up to date, and is selected.", "")
	h.run("--profile", "rescue", "bus", "context").wants(0, "try: clawdbot --profile rescue bus context --select", "")
	h.run("--profile", "rescue", "bus", "context", "--select").wants(0, "and is selected", "")
	if body, err := os.ReadFile(choice); err != nil || string(body) != "clawdbot-rescue" {
		t.Errorf("%s, %v", body, err)
	}
	path := filepath.Join(h.dir, ".config", "nats", "context", "clawdbot-rescue.json")
	if err := profile.WriteFile(path, []byte(`{"url":"nats://127.0.0.1:1"}`)); err != nil {
		t.Fatal(err)
	}
	h.run("--profile", "rescue", "bus", "context", "--json").wants(0, `"written": true`, "")
	h.run("--profile", "rescue", "bus", "context", "--json").wants(0, `"written": false`, "")
	var c struct{ User, Password string }
	body, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	want, keyErr := profile.Secret(rescue.BusKey(bus.UserDebug))
	if err != nil || keyErr != nil || c.User != "debug" || c.Password != want {
		t.Errorf("%+v, %v, %v", c, err, keyErr)
	}
}

// TestPretty folds JSON to the width and lets nothing steer the terminal.
func TestPretty(t *testing.T) {
	a := &app{}
	long := strings.Repeat("x", 60)
	for _, c := range []struct{ in, want string }{
		{`{"b":1,"a":[true,null]}`, `  {"b": 1, "a": [true, null]}`},
		{`{"text":"a:b,\"c\\"}`, `  {"text": "a:b,\"c\\"}`},
		{`{"z":"` + long + `","list":[{"n":1},{"n":2}]}`, "  {\n    \"z\": \"" + long + "\",\n    \"list\": [{\"n\": 1}, {\"n\": 2}]\n  }"},
		{`["` + long + `",["` + long + `"]]`, "  [\n    \"" + long + "\",\n    [\"" + long + "\"]\n  ]"},
		{"hello\nworld", "  hello\n  world"},
		{"\x1b[2Jgone", "  �[2Jgone"},
		{"\xff\x00", `  "\xff\x00"`},
		{"", "  "},
	} {
		if got := a.pretty([]byte(c.in)); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.in, got, c.want)
		}
	}
}

// FuzzPretty keeps folded JSON the JSON that it was.
func FuzzPretty(f *testing.F) {
	f.Add(`{"a":{"b":[1,2,{"c":"\\\""}]}}`)
	f.Add(`"` + strings.Repeat(`\\`, 50) + `"`)
	f.Add(`[{"<":"` + strings.Repeat("y", 90) + `"}]`)
	a := &app{}
	f.Fuzz(func(t *testing.T, in string) {
		out := a.pretty([]byte(in))
		if !json.Valid([]byte(in)) || !utf8.ValidString(in) || strings.Contains(out, "�") {
			return
		}
		var before, after any
		if err := json.Unmarshal([]byte(in), &before); err != nil {
			t.Skip()
		}
		if err := json.Unmarshal([]byte(out), &after); err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		x, _ := json.Marshal(before)
		y, _ := json.Marshal(after)
		if string(x) != string(y) {
			t.Fatalf("%s became %s", x, y)
		}
	})
}
