package daemon

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

const commented = `{
  // who may come in
  gateway: {auth: {token: "a-long-secret-token"}},
  canvasHost: {liveReload: true}, // pages
}
`

func TestConfigSetAndPatchWriteTheFile(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, commented)
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	text := func() string {
		t.Helper()
		body, err := config.ReadFile(p.ConfigPath)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}

	var now msg.ConfigFile
	g.mustCall("config.get", nil, &now)
	if now.Raw == nil || strings.Contains(*now.Raw, "a-long-secret") || !strings.Contains(*now.Raw, "// who may come in") {
		t.Fatalf("config.get shows %v", now.Raw)
	}
	g.refuses("config.set", msg.ConfigWrite{Raw: "{}"}, "config base hash required")
	g.refuses("config.set", msg.ConfigWrite{Raw: "{}", BaseHash: "0"}, "changed meanwhile")
	g.refuses("config.set", msg.ConfigWrite{Raw: "{gateway: 3}", BaseHash: now.Hash}, "the config was not changed: clawdbot.json:1:")
	g.refuses("config.set", msg.ConfigWrite{Raw: "{", BaseHash: now.Hash}, "the config was not changed: clawdbot.json:1:")
	g.refuses("config.set", msg.ConfigWrite{Raw: `{bridge: {token: "__REDACTED__"}}`, BaseHash: now.Hash}, "stands for a secret that the file does not hold there")
	g.refuses("config.patch", msg.ConfigWrite{Raw: "[]", BaseHash: now.Hash}, "must be an object, not an array")
	if text() != commented {
		t.Fatalf("a refused change wrote %s", text())
	}

	var plan msg.ConfigPlanned
	g.mustCall("config.plan", msg.ConfigPlan{Patch: "{canvasHost: {liveReload: false}}"}, &plan)
	if !plan.Valid || plan.Effect != string(config.EffectComponent) || plan.Raw == nil || *plan.Raw != strings.Replace(*now.Raw, "true", "false", 1) {
		t.Errorf("plan: %+v", plan)
	}
	g.refuses("config.plan", msg.ConfigPlan{Raw: "{}", Patch: "{}"}, "raw or patch")

	var done msg.ConfigWritten
	g.mustCall("config.patch", msg.ConfigWrite{Raw: "{canvasHost: {liveReload: false}}", BaseHash: now.Hash, RestartDelayMs: 5}, &done)
	if want := strings.Replace(commented, "true", "false", 1); text() != want {
		t.Errorf("patched: %s", text())
	}
	if !done.OK || !done.Valid || done.Effect != string(config.EffectComponent) || done.Hash == now.Hash || done.Path != p.ConfigPath {
		t.Errorf("patched: %+v", done)
	}
	g.configs("taken up", isGood(2))

	g.refuses("config.set", msg.ConfigWrite{Raw: "{}", BaseHash: now.Hash}, "changed meanwhile")
	raw := strings.Replace(*now.Raw, "// pages", "// what people see", 1)
	g.mustCall("config.set", msg.ConfigWrite{Raw: raw, BaseHash: done.Hash}, &done)
	if want := strings.Replace(commented, "// pages", "// what people see", 1); text() != want {
		t.Errorf("set: %s", text())
	}
	if shown, err := json.Marshal(done); err != nil || strings.Contains(string(shown), "a-long-secret") {
		t.Errorf("the answer shows the token: %s, %v", shown, err)
	}
}

func TestApplyAndRollbackWriteTheFile(t *testing.T) {
	h := newHost(t)
	p := h.profile("main")
	h.write(p, commented)
	g := h.start(p, h.base)
	g.configs("good", isGood(1))
	var now msg.ConfigFile
	g.mustCall("config.get", nil, &now)
	raw := strings.Replace(*now.Raw, "true", "false", 1)
	g.refuses("config.apply", msg.ConfigApply{ConfigWrite: msg.ConfigWrite{Raw: raw}}, "config base hash required")
	var done msg.ConfigApplied
	g.mustCall("config.apply", msg.ConfigApply{ConfigWrite: msg.ConfigWrite{Raw: raw, BaseHash: now.Hash}, ProbationMs: 100}, &done)
	if !done.OK || !done.Written || done.Generation != 2 || done.Hash == now.Hash {
		t.Errorf("applied: %+v", done)
	}
	if body, err := config.ReadFile(p.ConfigPath); err != nil || string(body) != strings.Replace(commented, "true", "false", 1) {
		t.Errorf("the file is %s, %v", body, err)
	}
	g.configs("good", isGood(2))

	var shown msg.GenerationShown
	g.mustCall("generations.show", msg.GenerationQuery{N: 1}, &shown)
	if shown.Generation.N != 1 || shown.Raw == nil || strings.Contains(*shown.Raw, "a-long-secret") || !strings.Contains(shown.Diff, "+  canvasHost: {liveReload: false}") {
		t.Errorf("generation 1: %+v", shown)
	}
	g.refuses("generations.show", msg.GenerationQuery{N: 77}, "generation 77: no such config generation")
	g.refuses("generations.rollback", msg.GenerationRollback{N: 77}, "generation 77: no such config generation")
	g.refuses("generations.rollback", msg.GenerationRollback{N: 1, BaseHash: now.Hash}, "changed meanwhile")
	g.mustCall("generations.rollback", msg.GenerationRollback{N: 1}, &done)
	if body, err := config.ReadFile(p.ConfigPath); err != nil || string(body) != commented {
		t.Errorf("the file is %s, %v", body, err)
	}
	g.configs("good again", func(l generations) bool {
		return l.Running == done.Generation && l.Generations[len(l.Generations)-1].Hash == now.Hash
	})
}

func TestHostMethods(t *testing.T) {
	h := newHost(t)
	g := h.start(h.profile("main"), h.base)
	var profiles msg.ProfilesList
	g.mustCall("profiles.list", nil, &profiles)
	if len(profiles.Profiles) != 1 || !profiles.Profiles[0].Own || !profiles.Profiles[0].Running || profiles.Profiles[0].Ports.Gateway != h.base {
		t.Errorf("profiles: %+v", profiles)
	}
	var all msg.PortsList
	g.mustCall("ports.list", nil, &all)
	if len(all.Profiles) != 1 || all.NextFree == 0 || all.Profiles[0].Holders[0].State != "held" || all.Profiles[0].Holders[0].PID == 0 {
		t.Errorf("ports: %+v", all)
	}
	var refused *bus.Error
	if err := g.call("update.run", msg.UpdateRun{}, nil); !errors.As(err, &refused) || refused.Code != bus.CodeUnavailable || !strings.Contains(refused.Message, "not supported here") {
		t.Errorf("update.run: %v", err)
	}
}
