package cli

import (
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

// clientCommands are commands that only talk to a gateway.
var clientCommands = []string{
	"health", "gateway health", "gateway call health", "gateway methods", "system presence", "system event --text hi",
	"system heartbeat last", "system heartbeat enable", "system heartbeat disable", "devices", "devices list", "devices approve --latest",
	"devices reject x", "devices remove x", "devices rotate x", "devices revoke x", "nodes", "nodes list", "nodes pending", "nodes approve x",
	"nodes reject --latest", "nodes describe x", "nodes rename x y", "nodes invoke x y", "sessions", "sessions list", "sessions history main",
	"sessions reset main", "sessions delete x", "agent --message hi", "cron", "cron list", "cron status", "cron rm x", "cron enable x",
	"cron disable x", "cron run x", "cron runs x", "cron add --name x --every 1h --system-event hi", "dashboard", "component",
}

// TestClientCommandsWithoutGateway tells of each that there is none, and that
// one elsewhere does not answer.
func TestClientCommandsWithoutGateway(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	for _, command := range clientCommands {
		args := append([]string{"--profile", "main"}, strings.Fields(command)...)
		h.run(args...).wants(3, "", "the gateway of profile main does not run\ntry: clawdbot --profile main gateway\n")
		h.run(append(args, "--json")...).wants(3, `"error": "the gateway of profile main does not run"`, "")
		h.run(append(args, "--url", "ws://127.0.0.1:1")...).wants(3, "", "not reachable at ws://127.0.0.1:1")
		h.run(append(args, "--url", "nowhere")...).wants(2, "", "is no address of a gateway")
		h.run(append(args, "--timeout", "-1s")...).wants(2, "", "is no time to wait")
		h.run(append(args, "--tokn", "x")...).wants(2, "", "--token")
	}
}

func TestClientCommandsRefuseUsage(t *testing.T) {
	h := newHome(t)
	for command, says := range map[string]string{
		"system event":                         "--text is needed",
		"system event --text x --mode":         "needs an argument",
		"system event --text x --mode soon":    `--mode: "soon" is none of now, next-heartbeat`,
		"system heartbeet":                     "did you mean heartbeat?",
		"devices approve":                      "needs a REQUEST or --latest, one of the two",
		"devices approve x --latest":           "one of the two",
		"devices rotate":                       "needs DEVICE",
		"devices revoke x --role king":         `--role: "king" is none of operator, node`,
		"devices aprove x":                     "did you mean approve?",
		"nodes rename x":                       "needs NAME",
		"nodes invoke x y --params [":          "--params: not a JSON object",
		"nodes invoke x y --invoke-timeout 0":  "is no time to wait",
		"sessions --limit -1":                  "not less than 0",
		"sessions history main --limit 0":      "is no number of messages",
		"agent":                                "--message is needed",
		"cron add":                             "--name is needed",
		"cron add --name x --message hi":       "one of --at, --every and --cron",
		"cron add --name x --every 1h --at 2h": "one of --at, --every and --cron",
		"cron add --name x --every 1h":         "one of --system-event and --message",
		"cron add --name x --every 1h --system-event a --message b":    "one of --system-event and --message",
		"cron add --name x --every 10ms --message b":                   "is no time of a second or more",
		"cron add --name x --at tomorrow --message b":                  `--at: "tomorrow" is no time`,
		"cron add --name x --every 1h --tz UTC --message b":            "--tz belongs to --cron",
		"cron add --name x --every 1h --system-event a --wake someday": `--wake: "someday" is none of`,
		"dashboard now": "takes no arguments",
	} {
		h.run(strings.Fields(command)...).wants(2, "", says)
	}
}

func TestCronSchedule(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	for _, c := range []struct {
		flags cronFlags
		want  msg.CronSchedule
		says  string
	}{
		{cronFlags{at: "20m"}, msg.CronSchedule{Kind: "at", AtMs: 1_000_000 + 20*60_000}, "at "},
		{cronFlags{at: "2026-01-31T18:00:00+01:00"}, msg.CronSchedule{Kind: "at", AtMs: 1769878800000}, "at "},
		{cronFlags{every: "90m"}, msg.CronSchedule{Kind: "every", EveryMs: 90 * 60_000}, "every 1h30m"},
		{cronFlags{expr: "0 9 * * 1-5", tz: "Europe/Vienna"}, msg.CronSchedule{Kind: "cron", Expr: "0 9 * * 1-5", TZ: "Europe/Vienna"}, "0 9 * * 1-5 Europe/Vienna"},
	} {
		got, err := c.flags.schedule(now)
		if err != nil || got != c.want || !strings.HasPrefix(scheduleLine(got), c.says) {
			t.Errorf("%+v: %+v (%s), %v", c.flags, got, scheduleLine(got), err)
		}
	}
}

// TestSystemAgentSessions says something to a real agent and looks at what
// becomes of it.
func TestSystemAgentSessions(t *testing.T) {
	h := newHome(t)
	h.gateway(h.setup("main", h.base), 0)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main"}, args...)...)
	}
	on("system", "presence").wants(0, "gateway", "").wants(0, "cli", "")
	var list []msg.Presence
	on("system", "presence", "--json").wants(0, "", "").into(&list)
	if len(list) < 2 {
		t.Errorf("%+v", list)
	}
	on("system", "heartbeat", "last").wants(0, "has had no heartbeat yet", "")
	on("system", "heartbeat", "last", "--json").wants(0, "null\n", "")
	on("system", "heartbeat", "disable").wants(0, "Heartbeats of profile main are off.", "")
	on("system", "heartbeat", "enable", "--json").wants(0, `"enabled": true`, "")
	on("system", "event", "--text", "the tea is ready", "--mode", "now").wants(0, "The agent of profile main was told.", "")

	on("agent", "--message", "/status").wants(0, "main", "")
	var done msg.AgentDone
	on("agent", "-m", "/status", "--session", "kitchen", "--json").wants(0, "", "").into(&done)
	if done.Status != "ok" || done.Result == nil || len(done.Result.Payloads) == 0 {
		t.Errorf("%+v", done)
	}
	on("agent", "-m", "hi", "--agent", "nobody").wants(1, "", "nobody")

	on("sessions").wants(0, "agent:main:kitchen", "").wants(0, "agent:main:main", "")
	var sessions msg.SessionList
	on("sessions", "list", "--limit", "1", "--json").wants(0, "", "").into(&sessions)
	if len(sessions.Sessions) != 1 {
		t.Errorf("%+v", sessions)
	}
	on("sessions", "history", "kitchen").wants(0, "user ", "").wants(0, "  /status\n", "").wants(0, "assistant ", "")
	on("sessions", "reset", "kitchen").wants(0, "agent:main:kitchen begins anew.", "")
	on("sessions", "history", "kitchen").wants(0, "has no messages", "")
	on("sessions", "delete", "kitchen").wants(0, "is gone", "")
	on("sessions", "delete", "kitchen").wants(0, "There was no session", "")
	on("sessions", "delete", "main").wants(1, "", "main")
	on("gateway", "call", "sessions.list", "--params", `{"limt": 1}`).wants(1, "", "INVALID_REQUEST: ")
}
