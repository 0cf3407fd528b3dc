package cli

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

func TestComponentCommand(t *testing.T) {
	h := newHome(t)
	on := func(args string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "component"}, strings.Fields(args)...)...)
	}
	on("").wants(3, "", "profile main is not set up")
	p := h.setup("main", h.base)
	for _, args := range []string{"", "list", "restart canvas"} {
		on(args).wants(3, "", "the gateway of profile main does not run\ntry: clawdbot --profile main gateway\n")
		on(args+" --json").wants(3, `"error": "the gateway of profile main does not run"`, "")
	}
	for args, want := range map[string]string{
		"restart":              "needs NAME",
		"restart canvas agent": `got "agent" as well`,
		"list all":             "takes no arguments",
		"restrat canvas":       "did you mean restart?",
	} {
		on(args).wants(2, "", want)
	}

	h.gateway(p, 0)
	info := func(name string) msg.ComponentInfo {
		t.Helper()
		var r componentsReport
		on("--json").wants(0, "", "").into(&r)
		for _, c := range r.Components {
			if c.Name == name {
				return c
			}
		}
		t.Fatalf("no component %s in %+v", name, r)
		return msg.ComponentInfo{}
	}
	await(t, "a piece of work", func() bool { return info("canvas").Probe.Did != "" })
	on("").wants(0, "COMPONENT", "").wants(0, "served a file of its own", "")
	on("restart canvsa").wants(1, "", "clawdbot: canvsa is not restarted: no component \"canvsa\"; there are: ")
	on("restart canvas").wants(0, "canvas of profile main has a new life.\n", "")
	if got := info("canvas"); got.Restarts != 1 || got.State != msg.StateOK {
		t.Errorf("%+v", got)
	}
	if other := info("agent"); other.Restarts != 0 {
		t.Errorf("another one was restarted: %+v", other)
	}
	on("restart canvas --json").wants(0, `"restarted": "canvas"`, "")
	on("restart gateway").wants(0, "gateway of profile main is restarting", "")
	await(t, "the gateway's new life", func() bool {
		r := on("") // may end with its old life
		return r.code == 0 && regexp.MustCompile(`(?m)^●  gateway +ok +\d+ \S+ +1 `).MatchString(r.out)
	})
}

// TestComponentTable tells in full why a component does not work.
func TestComponentTable(t *testing.T) {
	var out strings.Builder
	a := &app{Streams: Streams{Out: &out}, env: newHome(t).env()}
	why := "the probe that began at 14:03:05.123 still runs: " + strings.Repeat("long ", 30) + "end"
	a.printComponentTable([]msg.ComponentInfo{
		{Component: msg.Component{Name: "browser", State: msg.StateDegraded, Detail: "stuck"}, Restarts: 3, ProbeError: why},
		{Component: msg.Component{Name: "canvas", State: msg.StateOff, Detail: "switched off"}},
		{Component: msg.Component{Name: "store", State: msg.StateOK}, Since: time.Now(), Probe: msg.Probe{Did: "wrote", TookUs: 1500}},
	}, time.Now())
	for _, want := range []string{"●  browser    degraded  -     3 ", "1.5 ms", "wrote", "browser: the probe that began", "end\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "canvas:") {
		t.Errorf("one that is off is not ill:\n%s", out.String())
	}
}
