package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/store"
)

// bad is an incident with everything that a record can have.
func bad(id string, state msg.IncidentState, began time.Time) msg.Incident {
	at := began.UnixMilli()
	i := msg.Incident{
		ID: id, Observer: "rescue", Peer: "main", Kind: msg.KindBadConfig, State: state, Verdict: msg.VerdictDown,
		Summary: "main ended: link lost and its process is gone; its config file is refused: clawdbot.json:6:11: gateway.port: must be a whole number",
		Began:   at, Detected: at + 38, DetectMs: 38,
		Witnesses: []msg.Witness{{Name: "process", Said: "gone"}},
		Exit:      &msg.Exit{Manager: "up", Unit: "main", State: "waiting", Status: -1, Signal: "SIGKILL", Restart: 2},
		Config: &msg.ConfigState{
			Generation: 7, Source: "fallback", Verdict: "good", LastGood: 7,
			Issues: []string{"clawdbot.json:6:11: gateway.port: must be a whole number"}, Diff: "--- generation 7\n+++ clawdbot.json\n@@ -6 +6 @@\n-port: 1\n+port: \"banana\"\n",
		},
		LastLog:  []msg.LogLine{{Time: "2026-01-02T15:04:05.000Z", Level: "error", Component: "config", Msg: "refused"}},
		Stacks:   "/stacks.txt",
		Actions:  []msg.Action{{At: at + 2500, What: "restart", Why: "it does not run", By: "rescue", TookMs: 6, Result: "done"}},
		Timeline: []msg.Moment{{At: at, What: "first sign of trouble"}, {At: at + 2500, What: "restart by rescue"}},
	}
	if state == msg.IncidentResolved {
		i.Ended, i.RecoverMs, i.Result = at+3100, 3100, "main serves again on generation 7 after 3.1s"
	}
	return i
}

// keep enters incidents in the store of a profile whose gateway does not run.
func keep(t *testing.T, p profile.Profile, list ...msg.Incident) {
	t.Helper()
	s, err := store.Open(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if err := store.NewKeyspace[msg.Incident](s, "rescue", "incident").Put(i.ID, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestIncidentsOfTheDead reads the records in the store of a gateway that does
// not run, and says so.
func TestIncidentsOfTheDead(t *testing.T) {
	h := newHome(t)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "rescue", "incidents"}, args...)...)
	}
	on().wants(3, "", "profile rescue is not set up")
	p := h.setup("rescue", h.base)
	h.setup("main", 0)
	on().wants(0, "Profile rescue has seen no incident.\n", "the gateway of profile rescue does not run; this is from its store\n")
	on("show", "last").wants(1, "", "there are no incidents\n")
	now := time.Now()
	const held, resolved = "20260103-000000-main-0002", "20260102-000000-main-0001"
	keep(t, p, bad(resolved, msg.IncidentResolved, now.Add(-time.Hour)), bad(held, msg.IncidentHeld, now))

	r := on().wants(0, held, "this is from its store\n").wants(0, resolved, "")
	if strings.Index(r.out, held) > strings.Index(r.out, resolved) {
		t.Errorf("the newest is not the first: %s", r.out)
	}
	for line := range strings.Lines(r.out) {
		if n := ansi.StringWidth(strings.TrimRight(line, "\n")); !strings.HasPrefix(line, " ") && n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if r := on("list", "--limit", "1"); strings.Contains(r.out, resolved) {
		t.Errorf("more than the newest: %s", r.out)
	}
	on("--peer", "main").wants(0, held, "")
	on("--peer", "rescue").wants(0, "has seen no incident", "")
	on("--peer", "mian").wants(1, "", `no profile "mian" is known on this host; did you mean main?`)
	var list incidentsReport
	on("--json", "--limit", "0").wants(0, "", "").into(&list)
	if list.Profile != "rescue" || list.Source != "store" || len(list.Incidents) != 2 || list.Incidents[0].ID != held {
		t.Errorf("%+v", list)
	}

	on("show", "2026010").wants(1, "", fmt.Sprintf(`2 incidents begin with "2026010": the first is %s`+"\ntry: clawdbot --profile rescue incidents\n", resolved))
	on("show", "2027").wants(1, "", `no incident "2027"; the newest is `+held)
	on("show", "").wants(1, "", `no incident ""`)
	on("show", "20260102").wants(0, "recovered  after 3.1 s\n", "")
	page := on("show", "last").wants(0, "● main ended: link lost", "").out
	for _, want := range []string{
		"bad-config of main, " + held, "detected   after 38 ms: down", "exit       SIGKILL, says up main: waiting, 2 restarts", "process    gone",
		"generation 7 from fallback, good", "✗ clawdbot.json:6:11: gateway.port: must be", "\n-port: 1\n+port: \"banana\"\n",
		"+2.5 s     restart by rescue in 6 ms: done (it does not run)", "+0 ms      first sign of trouble", "error config   refused",
		"try: clawdbot --profile main config validate\ntry: clawdbot --profile rescue rescue resume main\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	for line := range strings.Lines(page) {
		if n := ansi.StringWidth(strings.TrimRight(line, "\n")); n > maxWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	var i msg.Incident
	on("show", "last", "--json").wants(0, "", "").into(&i)
	if i.ID != held || len(i.LastLog) != 1 || i.Config.Diff == "" {
		t.Errorf("%+v", i)
	}
}

// TestIncidentsOfTheLiving asks the gateway, which refuses in its own words.
func TestIncidentsOfTheLiving(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.gateway(p, 0)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "incidents"}, args...)...)
	}
	if r := on().wants(0, "Profile main has seen no incident.\n", ""); r.err != "" {
		t.Errorf("it was asked itself: %s", r.err)
	}
	on("--json").wants(0, `"source": "gateway"`, "").wants(0, `"incidents": []`, "")
	on("show", "last").wants(1, "", "clawdbot: there are no incidents\ntry: clawdbot --profile main incidents\n")
	on("show", "last", "--json").wants(1, `"error": "there are no incidents"`, "")
}

func TestIncidentsUsage(t *testing.T) {
	h := newHome(t)
	for args, want := range map[string]string{
		"incidents --limit -1":     "--limit: -1 is no number of incidents",
		"incidents --limit many":   `"many"`,
		"incidents shwo last":      "did you mean show?",
		"incidents show":           "needs ID",
		"incidents show last 2":    `got "2" as well`,
		"incidents list something": "takes no arguments",
	} {
		h.run(strings.Fields(args)...).wants(2, "", want)
	}
	h.run("incidents", "watch").wants(3, "", "profile default is not set up")
}

// TestSafeText keeps what a peer wrote from steering the terminal.
func TestSafeText(t *testing.T) {
	h := newHome(t)
	p := h.setup("rescue", h.base)
	i := bad("20260103-000000-main-0002", msg.IncidentOpen, time.Now())
	const evil = "\x1b[2Jevil"
	i.Summary, i.Result, i.Exit.State, i.Witnesses[0].Said, i.Config.Issues[0] = evil, evil, evil, evil, evil
	i.Config.Diff, i.LastLog[0].Msg, i.LastLog[0].Component, i.Timeline[0].What, i.Actions[0].Why = "+"+evil+"\n", evil, evil, evil, evil
	keep(t, p, i)
	for _, verb := range []string{"list", "show last"} {
		args := append([]string{"--profile", "rescue", "incidents"}, strings.Fields(verb)...)
		if r := h.run(args...).wants(0, "evil", ""); strings.Contains(r.out, "\x1b") {
			t.Errorf("%s: %q", verb, r.out)
		}
	}
}

// TestTeller tells each moment of an incident once.
func TestTeller(t *testing.T) {
	var out strings.Builder
	teller := incidentTeller{app: &app{Streams: Streams{Out: &out}, env: newHome(t).env()}, told: map[string]int{}}
	i := bad("20260103-000000-main-0002", msg.IncidentOpen, time.Now())
	all := i.Timeline
	i.Timeline = all[:1]
	teller.tell(i)
	teller.tell(i)
	i = bad(i.ID, msg.IncidentResolved, time.Now())
	teller.tell(i)
	for _, once := range []string{"bad-config of main", "first sign of trouble", "restart by rescue", "resolved main serves again on generation 7"} {
		if n := strings.Count(out.String(), once); n != 1 {
			t.Errorf("%q is told %d times:\n%s", once, n, out.String())
		}
	}
}

func TestElapsed(t *testing.T) {
	for ms, want := range map[int64]string{0: "0 ms", 999: "999 ms", 1840: "1.8 s", 59_000: "59 s", 61_000: "1 min 1 s"} {
		if got := elapsed(ms); got != want {
			t.Errorf("%d: %s, want %s", ms, got, want)
		}
	}
	i := msg.Incident{Began: 1000}
	if before, after := since(i, 400), since(i, 1500); before != "-600 ms" || after != "+500 ms" {
		t.Error(before, after)
	}
}
