package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/profile"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
	"clawdbot/profile/tape"
)

// recorded writes a recording beside the store of a profile that does not run.
func (h *home) recorded(p profile.Profile, entries ...tape.Entry) {
	h.t.Helper()
	s, err := store.Open(store.Config{Dir: p.StoreDir()})
	if err != nil {
		h.t.Fatal(err)
	}
	ring, err := store.NewRing[tape.Entry](s, tape.Component, tape.Kind, store.RingLimits{Bytes: 1 << 20, Age: time.Hour})
	if err == nil {
		err = errors.Join(ring.Append(entries...), ring.Close())
	}
	if err = errors.Join(err, s.Close()); err != nil {
		h.t.Fatal(err)
	}
}

// traffic is a message of main, so long ago.
func traffic(ago time.Duration, subj, body string) tape.Entry {
	return tape.NewRedactor(nil).NewEntry(time.Now().Add(-ago).UTC().Truncate(time.Microsecond), "clawdbot.main."+subj, nil, []byte(body))
}

func someTraffic() []tape.Entry {
	return []tape.Entry{
		traffic(30*time.Minute, "in.cli", `{"text":"long ago"}`),
		{At: time.Now().Add(-2 * time.Minute).UTC(), Subject: "clawdbot.main.>", Gap: "something is missing"},
		traffic(60*time.Second, "in.cli", `{"text":"dear diary"}`),
		traffic(59*time.Second, "rpc.config.set", `{"path":"a"}`),
		traffic(58*time.Second, "log.info", "{\"msg\":\"started\x1b[31m\"}"),
		traffic(57*time.Second, "event.chat", `not JSON`),
	}
}

func TestRecordOfAGatewayThatIsDead(t *testing.T) {
	h := newHome(t)
	h.run("record", "show").wants(78, "", "profile default is not set up")
	p := h.setup(profile.Default, h.base)
	h.run("record", "stats").wants(int(exitFailed), "", "nothing is recorded of profile default: its gateway has not run")
	h.recorded(p, someTraffic()...)

	shown := h.run("record", "show").wants(0, "clawdbot.main.in.cli 21 bytes\n", "")
	for _, no := range []string{"dear diary", "long ago", "\x1b"} {
		if strings.Contains(shown.out, no) {
			t.Errorf("record show prints %q:\n%s", no, shown.out)
		}
	}
	shown.wants(0, "something is missing", "").wants(0, `"msg":"started`, "")
	h.run("record", "show", "--bodies", "--subject", "in.>", "--last", "1h").wants(0, "long ago", "").wants(0, "dear diary", "")
	h.run("record", "show", "--subject", "node.>", "--last", "1s").wants(0, "Nothing of that was recorded of profile default.", "")
	last := h.run("record", "show", "--json", "--limit", "1", "--bodies")
	var e tape.Entry
	last.into(&e)
	if e.Subject != "clawdbot.main.event.chat" || string(e.Raw) != "not JSON" || strings.Count(last.out, "\n") != 1 {
		t.Errorf("the last one: %s", last.out)
	}

	var st recordStats
	h.run("record", "stats", "--json").into(&st)
	if st.Messages != 5 || st.Gaps != 1 || st.Kinds["in"].Messages != 2 || st.Kinds["in"].Bytes != 40 || st.Files != 1 {
		t.Errorf("stats %+v", st)
	}
	h.run("record", "stats").wants(0, "The recording of profile default: ", "").wants(0, "rpc    1         12", "")

	for _, bad := range []struct {
		args []string
		say  string
	}{
		{[]string{"record", "show", "--last", "soon"}, `"soon" is no span of time: write it like 30s or 10m`},
		{[]string{"record", "show", "--last", "-1m"}, "is no span of time"},
		{[]string{"record", "show", "--limit", "-1"}, "--limit: -1 is no number of messages"},
		{[]string{"record", "stats", "--subject", "in..x"}, `--subject: "in..x" is no subject`},
	} {
		h.run(bad.args...).wants(int(exitUsage), "", bad.say)
	}
}

func TestRecordExportOverwritesNothing(t *testing.T) {
	h := newHome(t)
	p := h.setup(profile.Default, h.base)
	h.recorded(p, someTraffic()...)
	path := filepath.Join(t.TempDir(), "a.jsonl")
	h.run("record", "export", path).wants(0, path+": 5 messages of profile default", "")
	body, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(body), "dear diary") || !strings.Contains(string(body), `"bodies":false`) {
		t.Errorf("%v in\n%s", err, body)
	}
	h.run("record", "export", path, "--bodies").wants(int(exitFailed), "", path+" exists and is not overwritten: choose another name")
	if again, err := os.ReadFile(path); err != nil || string(again) != string(body) {
		t.Error("the file is changed")
	}
	nowhere := filepath.Join(path, "no", "folder")
	h.run("record", "export", nowhere).wants(int(exitFailed), "", "the recording is not written")
	h.run("replay", path).wants(int(exitFailed), "", "exported without what people wrote: export it with --bodies")
}

func TestReplayRefuses(t *testing.T) {
	h := newHome(t)
	h.setup(profile.Default, h.base)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	head := `{"format":"clawdbot-recording/1","profile":"main","bodies":true}` + "\n"
	entry := func(subj string) string {
		return fmt.Sprintf(`{"at":"2026-01-02T03:04:05Z","subject":%q,"size":2,"body":{}}`+"\n", subj)
	}
	own := file("own", head+entry("clawdbot.main.in.cli"))
	for _, c := range []struct {
		args []string
		code exitCode
		say  string
	}{
		{[]string{own}, exitFailed, "recorded from profile default itself"},
		{[]string{filepath.Join(dir, "none")}, exitFailed, "no such file"},
		{[]string{dir}, exitFailed, dir + " is no file"},
		{[]string{file("text", "hello\n")}, exitFailed, "not a recording"},
		{[]string{file("later", `{"format":"clawdbot-recording/9"}`)}, exitFailed, `it is "clawdbot-recording/9"`},
		{[]string{file("cut", head+`{"at":"20`)}, exitFailed, "line 2 is not an entry"},
		{[]string{file("long", head+strings.Repeat("x", 5<<20))}, exitFailed, "line 2 is longer than 4 MiB, which no entry is: take the line out"},
		{[]string{file("wild", head+entry("clawdbot.main.>"))}, exitFailed, `"clawdbot.main.>" is no subject of a message`},
		{[]string{file("whose", `{"format":"clawdbot-recording/1","profile":"a.>"}`)}, exitFailed, "names no profile"},
		{[]string{own, "--speed", "-1"}, exitUsage, "--speed: -1 is no speed"},
		{[]string{own, "--subject", "in..x"}, exitUsage, "is no subject"},
		{[]string{own, "--force"}, exitUnreachable, "does not run"},
		{nil, exitUsage, "needs FILE"},
	} {
		h.run(append([]string{"replay"}, c.args...)...).wants(int(c.code), "", c.say)
	}
}

// A recording of everything is sent without what would reach real chats, change
// the profile or tell of troubles that are not there.
func TestReplayLeavesOut(t *testing.T) {
	h := newHome(t)
	p := h.setup(profile.Default, h.base)
	h.setup("scratch", h.base+ports.Step)
	h.recorded(p, append(someTraffic(), traffic(9*time.Second, "out.telegram", `{"text":"a"}`), traffic(8*time.Second, "event.incident", `{}`))...)
	path := filepath.Join(t.TempDir(), "a.jsonl")
	h.run("record", "export", path, "--bodies", "--last", "10m").wants(0, "6 messages", "")
	all := h.run("--profile", "scratch", "replay", path, "--dry-run").wants(0, "would send 1 message from main to scratch\n", "")
	for _, say := range []string{
		"left out: 1 of event, clients and connectors would take it for news: --subject\n          'event.>' sends it\n",
		"left out: 1 of event, never sent: it would tell of a trouble that is not there\n",
		"left out: 1 of log, never sent: a gateway says it of itself\n",
		"left out: 1 of out, a connector would send it to a real chat again: --subject\n          'out.>' sends it\n",
		"left out: 1 of rpc, it would change the profile: --subject 'rpc.>' sends it\n",
	} {
		all.wants(0, say, "")
	}
	for subj, n := range map[string]int{"out.>": 1, "out.telegram": 1, "event.>": 1, "event.incident": 0, "*.>": 1, ">": 1, "rpc.>": 1, "log.>": 0} {
		var r replayed
		h.run("--profile", "scratch", "replay", path, "--dry-run", "--json", "--subject", subj).wants(0, "", "").into(&r)
		if r.Messages != n || len(r.Why) == 0 {
			t.Errorf("--subject %s sends %d messages of %v", subj, r.Messages, r.Why)
		}
	}
}

// What one gateway was sent is sent to another one, and to no other place.
func TestReplayIntoAnotherProfile(t *testing.T) {
	h := newHome(t)
	p := h.setup(profile.Default, h.base)
	scratch := h.setup("scratch", h.base+ports.Step)
	h.recorded(p, append(someTraffic(), traffic(9*time.Second, "in.web", `{"text":"the last"}`))...)
	path := filepath.Join(t.TempDir(), "a.jsonl")
	h.run("record", "export", path, "--bodies", "--last", "10m").wants(0, "5 messages", "")
	stop := h.gateway(scratch, h.base+ports.Step)
	defer stop()

	var r replayed
	h.run("--profile", "scratch", "replay", path, "--speed", "0", "--json").wants(0, "", "").into(&r)
	if r.Sent != 2 || r.From != "main" || r.To != "scratch" {
		t.Errorf("replayed %+v", r)
	}
	var subjects []string
	for deadline := time.Now().Add(patience); !slices.Contains(subjects, "clawdbot.scratch.in.web"); {
		if time.Now().After(deadline) {
			t.Fatalf("it did not arrive: %q", subjects)
		}
		subjects = nil
		dec := json.NewDecoder(strings.NewReader(h.run("--profile", "scratch", "record", "show", "--json", "--bodies", "--limit", "0").wants(0, "", "").out))
		for e := (tape.Entry{}); dec.Decode(&e) == nil; e = (tape.Entry{}) {
			subjects = append(subjects, e.Subject)
			if e.Subject == "clawdbot.scratch.in.cli" && !strings.Contains(string(e.Body), "dear diary") {
				t.Errorf("sent %s", e.Body)
			}
			if e.Subject == "clawdbot.scratch.event.chat" && string(e.Raw) == "not JSON" { // the agent there has news of its own
				t.Error("an event was sent")
			}
		}
	}
	if !slices.Contains(subjects, "clawdbot.scratch.in.cli") || slices.Contains(subjects, "clawdbot.scratch.rpc.config.set") {
		t.Errorf("it received %q", subjects)
	}
	if users := h.run("--profile", "scratch", "bus", "users"); strings.Contains(users.out, "replay-") {
		t.Errorf("a user is left behind:\n%s", users.out)
	}
	if _, err := os.Stat(p.StoreDir() + ".ring"); errors.Is(err, fs.ErrNotExist) {
		t.Error("the recording is gone")
	}
}
