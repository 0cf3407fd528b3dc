package cli

import (
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// TestRescueOffline tells what is wrong before a gateway is asked, and that
// there is none.
func TestRescueOffline(t *testing.T) {
	h := newHome(t)
	on := func(args string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "rescue", "rescue"}, strings.Fields(args)...)...)
	}
	on("").wants(3, "", "profile rescue is not set up")
	h.setup("rescue", h.base)
	h.setup("main", 0)
	for _, args := range []string{"", "status", "policy", "repair main", "hold main", "resume main", "directive main --safe-mode"} {
		on(args).wants(3, "", "the gateway of profile rescue does not run\ntry: clawdbot --profile rescue gateway\n")
		on(args+" --json").wants(3, `"error": "the gateway of profile rescue does not run"`, "")
	}
	for args, want := range map[string]string{
		"repair":               "needs PEER",
		"repair main now":      `got "now" as well`,
		"repair rescue":        "profile rescue is the one that is asked",
		"repair Main!":         `bad profile name "Main!"`,
		"mend main":            `unknown command "mend"`,
		"reparir main":         "did you mean repair?",
		"policy main often":    `"often" is no policy: it is observe, restart or repair`,
		"policy rescue repair": "profile rescue is the one that is asked",
		"directive main":       "give either --generation N or --safe-mode",
		"directive main --safe-mode --generation":         "--generation",
		"directive main --safe-mode --generation 3":       "give either --generation N or --safe-mode",
		"directive main --generation 0":                   "--generation 0: generations count from 1",
		"directive main --generation -1":                  `"-1"`,
		"directive main --generation 3 --for 16m":         "--for 16m0s: a directive waits up to 15m0s",
		"directive main --generation 3 --for 0s":          "--for 0s",
		"directive main --generation 3 --for long":        `"long"`,
		"directive main --generation 3 --dry-run=perhaps": `"perhaps"`,
	} {
		on(args).wants(2, "", want)
	}
	for _, args := range []string{"repair mian", "hold mian", "policy mian repair", "directive mian --safe-mode"} {
		on(args).wants(1, "", "no profile \"mian\" is known on this host; did you mean main?\ntry: clawdbot profiles\n")
	}
}

// TestRescuePolicy edits the config as config set does, whether or not the
// gateway runs.
func TestRescuePolicy(t *testing.T) {
	h := newHome(t)
	p := h.setup("rescue", h.base)
	h.setup("main", 0)
	h.run("--profile", "rescue", "rescue", "policy", "observe").wants(0, "rescue.policy is observe (~/.clawdbot-rescue/clawdbot.json)\n", "")
	h.run("--profile", "rescue", "rescue", "policy", "main", "restart").wants(0, "rescue.policies.main is restart", "")
	loaded, err := p.Load()
	if err != nil {
		t.Fatal(err)
	}
	if r := loaded.Config.Rescue; r.Policy != config.PolicyObserve || r.PolicyFor("main", true) != config.PolicyRestart {
		t.Errorf("%+v", r)
	}
	h.run("--profile", "rescue", "config", "validate").wants(0, "", "")
	h.run("--profile", "rescue", "rescue", "policy", "main", "repair", "--json").wants(0, `"path": "rescue.policies.main"`, "")
}

// TestRescueOrders gives orders to a gateway that watches another.
func TestRescueOrders(t *testing.T) {
	h := newHome(t)
	main, rescue := h.setup("main", h.base), h.setup("rescue", 0)
	stop := h.gateway(main, 0)
	h.gateway(rescue, 0)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "rescue", "rescue"}, args...)...)
	}
	await(t, "main under watch", func() bool { return strings.Contains(on().out, "● main is ok") })
	on().wants(0, "policy     observe: no service manager keeps it", "").wants(0, "kept by    nobody: it runs in a terminal", "")
	on("policy", "main").wants(0, "main  observe  no service manager keeps it", "")
	var rows []peerPolicy
	on("policy", "--json").wants(0, "", "").into(&rows)
	if len(rows) != 1 || rows[0].Peer != "main" || rows[0].Policy != config.PolicyObserve {
		t.Errorf("%+v", rows)
	}
	on("repair", "main").wants(1, "", "clawdbot: nothing to repair: main is ok (beats arrive)\ntry: clawdbot --profile rescue rescue status\n")
	on("repair", "main", "--json").wants(1, `"error": "nothing to repair: main is ok`, "")
	on("hold", "main", "--dry-run").wants(0, "would hold repairs of main: ", "")
	on("hold", "main", "--reason", "new disk").wants(0, "● hold repairs of main: new disk\n", "")
	on("status").wants(0, "held       new disk\n", "").wants(0, "try: clawdbot --profile rescue rescue resume main\n", "")
	h.run("--profile", "rescue", "status").wants(0, "repairs are held: ", "")
	h.run("--profile", "rescue", "doctor").wants(0, "! peers      nobody starts peer main again when it fails", "")
	on("resume", "main").wants(0, "● let repairs of main go on: ", "")
	on("directive", "main", "--generation", "1", "--dry-run").wants(0, "would start main on generation 1 the next time: ", "")
	for _, more := range [][]string{nil, {"--dry-run"}} {
		on(append([]string{"directive", "main", "--generation", "99999"}, more...)...).wants(1, "",
			"clawdbot: profile main has no generation 99999\ntry: clawdbot --profile main config generations\n")
	}
	on("directive", "main", "--safe-mode", "--reason", "a look").wants(0, "● start main in safe mode: a look\n  holds until ", "")

	stop()
	var st struct {
		Peers []struct {
			Verdict msg.Verdict
			Policy  string
		}
	}
	await(t, "main to be stopped", func() bool {
		on("--json").into(&st)
		return len(st.Peers) == 1 && st.Peers[0].Verdict == msg.VerdictStopped
	})
	on("repair", "main").wants(1, "", "clawdbot: ")
}

// TestDeed says what is done in words that a person uses.
func TestDeed(t *testing.T) {
	for want, c := range map[string]struct {
		what       string
		generation uint64
	}{
		"restart main":                             {"restart", 0},
		"start main in safe mode":                  {"safe-mode", 0},
		"start main on a generation that was good": {"directive", 0},
		"start main on generation 3 the next time": {"directive", 3},
		"hold repairs of main":                     {"hold", 0},
		"let repairs of main go on":                {"resume", 0},
	} {
		out := msg.RescueOutcome{Peer: "main", Action: msg.Action{What: c.what}}
		if got := deed(msg.RescueOrder{Generation: c.generation}, out); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestStatusOfIncidents tells of them at both ends: by who saw it, and by who failed.
func TestStatusOfIncidents(t *testing.T) {
	h := newHome(t)
	p := h.setup("rescue", h.base)
	h.setup("main", 0)
	const id = "20260103-000000-main-0002"
	keep(t, p, bad(id, msg.IncidentHeld, time.Now()))
	h.run("--profile", "rescue", "status").wants(3, "! incidents  held since ", "").wants(3, ": main ended: link lost", "")
	var r statusReport
	h.run("--profile", "rescue", "status", "--json").wants(3, "", "").into(&r)
	if r.Incidents.Open != 1 || r.Incidents.Last == nil || *r.Incidents.Last != id || r.Incidents.Newest.Kind != msg.KindBadConfig {
		t.Errorf("%+v", r.Incidents)
	}
	h.run("--profile", "rescue", "doctor").wants(1, "✗ incidents  rescue holds its repairs of main and waits for you: ", "")
	try := "try: clawdbot --profile rescue incidents show " + id + "\n"
	h.run("--profile", "main", "status").wants(3, "! profile rescue saw, ", "").wants(3, try, "")
	h.run("--profile", "main", "incidents").wants(0, "Profile main has seen no incident.\n! profile rescue saw, ", "").wants(0, try, "")
	h.run("--profile", "main", "doctor").wants(1, "✗ incidents  rescue holds", "")

	keep(t, p, bad(id, msg.IncidentResolved, time.Now()))
	h.run("--profile", "rescue", "status").wants(3, "  incidents  none open; resolved ", "")
	keep(t, p, bad(id, msg.IncidentResolved, time.Now().Add(-recently)))
	if r := h.run("--profile", "rescue", "status"); strings.Contains(r.out, "incidents") {
		t.Errorf("an old one is told: %s", r.out)
	}
}

// TestStatusOfMaintenance is loud, with the gateway dead or alive.
func TestStatusOfMaintenance(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.run("--profile", "main", "maintenance", "on", "--reason", "new disk").wants(0, "", "")
	h.run("--profile", "main", "status").wants(3, "! under maintenance until ", "").wants(3, "(new disk)", "")
	h.gateway(p, 0)
	for _, verb := range []string{"status", "health"} {
		h.run("--profile", "main", verb).wants(0, "by operator: no peer touches it (new disk)\n", "")
	}
	h.run("--profile", "main", "status", "--json").wants(0, `"reason": "new disk"`, "")
	h.run("--profile", "main", "maintenance", "off").wants(0, "", "")
	if r := h.run("--profile", "main", "status"); strings.Contains(r.out, "maintenance") {
		t.Errorf("it is over: %s", r.out)
	}
}
