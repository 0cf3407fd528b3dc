package cli

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"clawdbot/gateway/frame"
	"clawdbot/profile/config"
)

func TestConfigCommands(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "config"}, args...)...)
	}
	secret := "gateway.auth.token is a secret\ntry: clawdbot --profile main config get gateway.auth.token --show-secrets\n"
	on("get", "gateway.auth.token").wants(1, "", secret)
	on("get", "gateway.auth.token", "--json").wants(1, "", secret)
	on("get", "gateway.auth").wants(0, `"token": "__REDACTED__"`, "")
	on("set", "gateway.auth.token", "__REDACTED__").wants(78, "", "gateway.auth.token: __REDACTED__ is what a hidden secret is shown as")
	on("set", "gateway.auth.token", "ab").wants(0, "", "a token of 2 characters can be guessed; use 16 or more")
	on("get", "gateway.prot").wants(1, "", "gateway.prot is no known key; did you mean gateway.port?\ntry: clawdbot --profile main config get gateway.port\n")
	on("get", "gateway.nothing").wants(1, "", "gateway.nothing is not set, and has no default")
	for _, verb := range [][]string{{"get", "nope..x"}, {"set", "nope..x", "1"}, {"unset", "nope..x"}} {
		on(verb...).wants(2, "", "a key is missing")
	}
	on("set", `browser.profiles["my-name"].color`, "#00AA00").wants(0, "is #00AA00", "") // as in the help
	on("set", "bridge.enabled", "false").wants(0, "bridge.enabled is false", "")
	on("unset", "bridge.enabled").wants(0, "bridge.enabled is unset; the default holds: true", "")
	on("set", "bridge.enabled", "false").wants(0, "", "")
	on("unset", "bridge").wants(0, "bridge is unset; the defaults hold", "")
	on("unset", "browser.profiles").wants(0, "browser.profiles is not set any more", "")
}

// TestHints name the profile that the command line chose.
func TestHints(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	h.run("--profile", "main", "logs", "--level", "bad").wants(2, "", "try: clawdbot --profile main logs --help\n")
	h.run("logs", "--level", "bad").wants(2, "", "try: clawdbot logs --help\n")
	h.run("--profile", "", "status").wants(2, "", "--profile: the name is empty")
	h.run("--profile", "nope", "logs").wants(78, "", "profile nope is not set up")
	h.gateway(h.profile("main"), 0)()
	h.run("--profile", "main", "state", "get", "x").wants(1, "", "try: clawdbot --profile main state ls\n")
}

// file writes a file into the home.
func (h *home) file(name, text string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// TestConfigThatIsNoFile: what can never be a config is one that cannot be used.
func TestConfigThatIsNoFile(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.file(filepath.Join(".clawdbot-main", "clawdbot.json"), strings.Repeat(" ", 5<<20))
	h.run("--profile", "main", "config", "validate").wants(78, "", "clawdbot.json is larger than 4 MiB")
	if err := errors.Join(os.Remove(p.ConfigPath), os.Mkdir(p.ConfigPath, 0o700)); err != nil {
		t.Fatal(err)
	}
	h.run("--profile", "main", "config", "validate").wants(78, "", "clawdbot.json is not a regular file")
	h.run("--profile", "main", "config", "plan", h.dir).wants(78, "", h.dir+" is not a regular file")
}

// TestEditThatWaits: a config that another command edits can be edited later.
func TestEditThatWaits(t *testing.T) {
	h := newHome(t)
	err := editRefused(h.profile("main"), "a", fmt.Errorf("file: %w", config.ErrLocked))
	if e := asExit(err); e.Code != exitTryAgain || e.Error() != "file: another command edits the config and does not end" {
		t.Errorf("got %d, %v", e.Code, e)
	}
}

// TestEditSaysItsEffect: an edit tells what it does to the gateway that runs.
func TestEditSaysItsEffect(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	set := func(path, value, says string) {
		t.Helper()
		r := h.run("--profile", "main", "config", "set", path, value).wants(0, "", says)
		if says == "" && r.err != "" {
			t.Errorf("%s: %s", path, r.err)
		}
	}
	set("logging.level", "debug", "") // no gateway runs
	h.gateway(p, 0)
	set("logging.level", "debug", "") // it was that already
	set("logging.level", "info", "clawdbot: the running gateway takes it over at once\n")
	set("gateway.reload.mode", "hot", "clawdbot: the running gateway takes it over at once\n")
	set("bus.link.enabled", "false", "clawdbot: gateway.reload.mode is hot: the change waits for a restart\ntry: clawdbot --profile main gateway --force\n")
	set("bridge.enabled", "false", "clawdbot: the running gateway restarts bridge while the rest goes on\n")
	h.run("--profile", "main", "config", "unset", "bridge").wants(0, "", "clawdbot: the running gateway restarts bridge while the rest goes on\n")
}

// TestConfigPlanWithoutGateway compares with the defaults, then with what ran last.
func TestConfigPlanWithoutGateway(t *testing.T) {
	h := newHome(t)
	wanted := h.file("new.json5", "{gateway: {port: "+strconv.Itoa(h.base)+"}, bridge: {enabled: false}}")
	plan := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "config", "plan"}, args...)...)
	}
	plan(wanted).wants(78, "", "profile main is not set up")
	p := h.setup("main", h.base)
	plan(wanted).wants(0, "bridge.enabled  component  true → false; restarts bridge\n\nCompared with the defaults: the gateway restarts.", "")
	plan().wants(2, "", "config plan needs FILE")
	h.gateway(p, 0)()
	plan(p.ConfigPath).wants(0, "Nothing changes: generation 1 has the same values.\n", "")
	var answer planAnswer
	plan(wanted, "--json").wants(0, "", "").into(&answer)
	if !answer.Valid || answer.Against != 1 || answer.Effect != config.EffectComponent || len(answer.Issues) != 0 || len(answer.Changes) < 2 {
		t.Errorf("got %+v", answer)
	}

	broken := h.file("broken.json5", "{\n  gateway: {bind: 'lamm'},\n  bridge: 5,\n}")
	plan(broken).wants(78, "error: broken.json5:2:19: gateway.bind: must be one of loopback, lan, tailnet, auto (got \"lamm\")", "broken.json5 cannot be used: 2 errors")
	plan(broken, "--json").wants(78, `"effect": "refused"`, "2 errors").into(&answer)
	if answer.Valid || len(answer.Issues) != 2 || answer.Issues[0].File != broken || !strings.HasPrefix(answer.Changes[1].Why, "broken.json5:3:11: bridge: ") {
		t.Errorf("got %+v", answer)
	}
	plan(h.file("port.json5", "{bridge: {port: 20000}, canvasHost: {port: 20000}}"), "--json").wants(78, `"valid": false`, "cannot be used: bad port setting").into(&answer)
	if len(answer.Changes) != 1 || answer.Changes[0].Effect != config.EffectRefused {
		t.Errorf("got %+v", answer)
	}
}

// TestConfigApply runs a config on probation: one that proves itself takes the file's place, another one is told.
func TestConfigApply(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	apply := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "config", "apply"}, args...)...)
	}
	apply().wants(3, "", "the gateway of profile main does not run")
	apply("--probation", "2h").wants(2, "", "--probation: must be from 1ms to 1h0m0s (got 2h0m0s)")
	h.gateway(p, 0)
	apply(h.file("broken.json5", "{bridge: 5}")).wants(78, "error: broken.json5:1:10: bridge: must be an object (got a number)", "broken.json5 cannot be used: 1 error")

	old, err := os.ReadFile(p.ConfigPath)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(old), "gateway: {", "bridge: {enabled: false}, gateway: {", 1)
	var done applied
	apply(h.file("new.json5", text), "--probation", "300ms", "--json").wants(0, "", "is on probation for 300ms; the gateway restarts bridge while the rest goes on").into(&done)
	if done.Generation != 2 || done.Verdict != config.Good || !done.Installed || done.Effect != config.EffectComponent || done.File != p.ConfigPath {
		t.Errorf("got %+v", done)
	}
	if now, err := os.ReadFile(p.ConfigPath); err != nil || string(now) != text {
		t.Errorf("the config file holds %s, %v", now, err)
	}
	apply("--probation", "1ms").wants(0, "Generation 2 is good.\n", "")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	cannot := strings.Replace(text, "enabled: false", fmt.Sprintf("port: %d", port), 1)
	apply(h.file("cannot.json5", cannot), "--probation", "300ms").wants(1, "", "generation 3 was rolled back: ")
	if now, err := os.ReadFile(p.ConfigPath); err != nil || string(now) != text {
		t.Errorf("after a rollback the config file holds %s, %v", now, err)
	}
	h.run("--profile", "main", "config", "generations").wants(0, "\n3 ", "").wants(0, fmt.Sprintf("port %d", port), "")
}

func TestApplyRefused(t *testing.T) {
	h := newHome(t)
	p := h.profile("main")
	for _, tt := range []struct {
		err  error
		code exitCode
		want string
	}{
		{&frame.Error{Code: frame.CodeInvalidRequest, Message: config.ErrChanged.Error()}, exitTryAgain, p.ConfigPath + " was changed while it was applied; look at it and try again"},
		{&frame.Error{Code: frame.CodeInvalidRequest, Message: "bad port setting"}, exitConfig, "bad port setting"},
		{&frame.Error{Code: frame.CodeUnavailable, Message: "nobody serves it"}, exitFailed, "nobody serves it"},
	} {
		if e := asExit(applyRefused(p, tt.err)); e.Code != tt.code || e.Error() != tt.want {
			t.Errorf("%v: %d, %v", tt.err, e.Code, e)
		}
	}
}

// TestInstallOverAnEdit: a file that was edited meanwhile stays as it is.
func TestInstallOverAnEdit(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	looked, err := p.Load()
	if err != nil {
		t.Fatal(err)
	}
	h.run("--profile", "main", "config", "set", "bridge.enabled", "false").wants(0, "", "")
	edited, err := os.ReadFile(p.ConfigPath)
	if err != nil {
		t.Fatal(err)
	}
	if e := asExit(install(p, looked.Hash, []byte("{}"))); e.Code != exitTryAgain || !strings.Contains(e.Error(), "was not written to "+p.ConfigPath+": the config was changed meanwhile") {
		t.Errorf("got %d, %v", e.Code, e)
	}
	if now, err := os.ReadFile(p.ConfigPath); err != nil || string(now) != string(edited) {
		t.Errorf("the file holds %s, %v", now, err)
	}
}

// TestOutcome: whatever is no probation ends the wait, also of the same text under a later number.
func TestOutcome(t *testing.T) {
	h := newHome(t)
	p := h.profile("main")
	row := func(n uint64, hash string, v config.Verdict) generationRow {
		return generationRow{N: n, Hash: hash, Verdict: v, Reason: "of " + strconv.FormatUint(n, 10)}
	}
	for _, tt := range []struct {
		rows []generationRow
		want string
	}{
		{nil, "waits"},
		{[]generationRow{row(2, "a", config.Probation)}, "waits"},
		{[]generationRow{row(1, "a", config.Bad), row(2, "a", config.Probation)}, "waits"}, // an earlier try
		{[]generationRow{row(2, "a", config.Probation), row(3, "b", config.Bad)}, "waits"}, // another one
		{[]generationRow{row(2, "a", config.Bad)}, "generation 2 was rolled back: of 2"},
		{[]generationRow{row(2, "a", config.Refused), row(3, "b", config.Probation)}, "generation 2 was not kept: of 2"},
		{[]generationRow{row(2, "a", config.Probation), row(3, "b", config.Good), row(4, "a", config.Bad)}, "generation 4 was rolled back: of 4"},
		{[]generationRow{row(2, "a", config.Good), row(3, "a", config.Bad)}, "<nil>"},
	} {
		got := "waits"
		if found, ok := outcome(tt.rows, 2); ok {
			got = fmt.Sprint(notKept(p, found))
		}
		if got != tt.want {
			t.Errorf("%+v\ngot  %s\nwant %s", tt.rows, got, tt.want)
		}
	}
}

// TestConfigPlanTellsOfAnotherProfile: a port that another profile has cannot be planned.
func TestConfigPlanTellsOfAnotherProfile(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	h.setup("rescue", h.base+212)
	file := h.file("new.json5", fmt.Sprintf("{gateway: {port: %d}, canvasHost: {port: %d}}", h.base, h.base+213))
	h.run("--profile", "main", "config", "plan", file).wants(78, "",
		fmt.Sprintf("cannot be used: bad port setting: canvas would have port %d, which is the bridge port of profile rescue: change one of them", h.base+213))
	h.file("new.json5", fmt.Sprintf("{gateway: {port: %d}, canvasHost: {port: %d}}", h.base, h.base+11)) // main's own
	h.run("--profile", "main", "config", "plan", file).wants(0, "canvasHost.port", "")
}
