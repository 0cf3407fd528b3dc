package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
)

func TestVoiceWake(t *testing.T) {
	r := newRig(t)
	_, stop := r.start(quick)
	changed := r.events("voicewake.changed")
	words := []string{"clawd", "claude", "computer"}
	if got := must[msg.VoiceWake](r, "voicewake.get", nil); !slices.Equal(got.Triggers, words) {
		t.Errorf("triggers %q", got.Triggers)
	}
	want := []string{"hey robot", "oi"}
	if got := must[msg.VoiceWake](r, "voicewake.set", msg.VoiceWake{Triggers: []string{" hey  robot", "", "oi", "oi"}}); !slices.Equal(got.Triggers, want) {
		t.Errorf("triggers %q", got.Triggers)
	}
	if got := next[msg.VoiceWake](r, changed); !slices.Equal(got.Triggers, want) {
		t.Errorf("event %q", got.Triggers)
	}
	stop()
	r.start(quick)
	if got := must[msg.VoiceWake](r, "voicewake.get", nil); !slices.Equal(got.Triggers, want) {
		t.Errorf("after a restart: %q", got.Triggers)
	}
	r.refused("voicewake.set", msg.VoiceWake{Triggers: []string{"ok", strings.Repeat("x", 65)}}, bus.CodeInvalidRequest, "triggers[1]: 65 bytes")
	many := make([]string, 33)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	r.refused("voicewake.set", msg.VoiceWake{Triggers: many}, bus.CodeInvalidRequest, "triggers: 33 words")
	if got := must[msg.VoiceWake](r, "voicewake.set", msg.VoiceWake{Triggers: []string{}}); !slices.Equal(got.Triggers, words) {
		t.Errorf("triggers %q", got.Triggers)
	}
}

func TestSpeech(t *testing.T) {
	r := newRig(t)
	_, stop := r.start(quick)
	if got := must[msg.TTSStatus](r, "tts.status", nil); got.Enabled || got.Provider != "" || got.FallbackProviders == nil {
		t.Errorf("status %+v", got)
	}
	if got := must[msg.TTSEnabled](r, "tts.enable", nil); !got.Enabled {
		t.Errorf("enabled %+v", got)
	}
	if got := must[msg.TTSPreference](r, "tts.setProvider", msg.TTSPreference{Provider: "edge"}); got.Provider != "edge" {
		t.Errorf("provider %+v", got)
	}
	r.refused("tts.setProvider", msg.TTSPreference{Provider: "parrot"}, bus.CodeInvalidRequest, "provider: must be openai, elevenlabs or edge")
	r.refused("tts.convert", msg.TTSConvert{Text: "hello"}, bus.CodeUnavailable, "no provider that speaks is built in")
	stop()
	r.start(quick)
	if got := must[msg.TTSStatus](r, "tts.status", nil); !got.Enabled || got.Provider != "edge" {
		t.Errorf("after a restart: %+v", got)
	}
	if got := must[msg.TTSProviders](r, "tts.providers", nil); got.Active != "edge" || got.Providers == nil || len(got.Providers) != 0 {
		t.Errorf("providers %+v", got)
	}
	if got := must[msg.TTSEnabled](r, "tts.disable", nil); got.Enabled || must[msg.TTSStatus](r, "tts.status", nil).Enabled {
		t.Errorf("disabled %+v", got)
	}
}

func TestTalkMode(t *testing.T) {
	r := newRig(t)
	r.start(quick)
	events := r.events("talk.mode")
	got := must[msg.TalkModeSet](r, "talk.mode", msg.TalkMode{Enabled: true, Phase: "listening"})
	if !got.Enabled || got.Phase == nil || *got.Phase != "listening" || got.TS == 0 {
		t.Errorf("mode %+v", got)
	}
	if e := next[msg.TalkModeSet](r, events); !e.Enabled || e.Phase == nil || *e.Phase != "listening" {
		t.Errorf("event %+v", e)
	}
	must[msg.TalkModeSet](r, "talk.mode", msg.TalkMode{})
	if e := next[map[string]any](r, events); e["enabled"] != false || e["phase"] != nil {
		t.Errorf("event %+v", e)
	}
	r.refused("talk.mode", msg.TalkMode{Phase: strings.Repeat("x", 65)}, bus.CodeInvalidRequest, "phase: 65 bytes")
}

// What is not there answers in the original's shape, with nothing in it, or says so.
func TestHonestlyEmpty(t *testing.T) {
	r := newRig(t)
	r.start(quick)
	if got := must[msg.UsageStatus](r, "usage.status", nil); got.UpdatedAt == 0 || got.Providers == nil {
		t.Errorf("usage %+v", got)
	}
	if got := must[msg.UsageCost](r, "usage.cost", nil); got.Days != 30 || got.Daily == nil || got.Totals != (msg.UsageTotals{}) {
		t.Errorf("cost %+v", got)
	}
	if got := must[msg.UsageCost](r, "usage.cost", msg.UsageQuery{Days: 7}); got.Days != 7 {
		t.Errorf("cost %+v", got)
	}
	if got := must[msg.SkillList](r, "skills.status", nil); got.Skills == nil || len(got.Skills) != 0 {
		t.Errorf("skills %+v", got)
	}
	for method, want := range map[string]string{
		"skills.install": "install what the skill needs by hand", "skills.update": "edit the skill's folder",
		"wizard.start": "run clawdbot onboard", "wizard.next": "run clawdbot onboard", "wizard.cancel": "run clawdbot onboard", "wizard.status": "run clawdbot onboard",
	} {
		r.refused(method, struct{}{}, bus.CodeUnavailable, want)
	}
}

// Every desk method of the table is served, and no other.
func TestDeskServesItsTable(t *testing.T) {
	r := newRig(t)
	a, _ := r.start(quick)
	endpoints, err := a.deskEndpoints()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range endpoints {
		method := strings.TrimPrefix(e.Subject, "clawdbot.main.rpc.")
		if _, ok := rpc.Find(method); !ok {
			t.Errorf("%s is not in the table", method)
		}
	}
	if len(endpoints) != 19 {
		t.Errorf("%d endpoints", len(endpoints))
	}
}

func TestSkills(t *testing.T) {
	workspace := t.TempDir()
	for name, text := range map[string]string{
		"weather": "---\nname: weather\ndescription: Tells the weather.\nhomepage: https://example.org\n---\n# Weather\nname: no\n",
		"notes": "\ufeff---\r\nname: 'apple-notes'\r\ndescription: >-\r\n  Keeps notes\r\n  in one place.\r\n# a comment\r\nmetadata:\r\n  {\"clawdbot\":\r\n" +
			"   {\"emoji\":\"📝\",\"skillKey\":\"notes\",\"primaryEnv\":\"KEY\",\"os\":[\"plan9\"],\"requires\":{\"bins\":[\"go\",\"no-such-program\"],\"anyBins\":[\"go\",\"x\"],\"env\":[\"KEY\"]}}}\r\n---\r\n",
		"always":   "---\nname: always\ndescription: \"Is there.\"\nmetadata: {\"clawdbot\":{\"always\":true,\"requires\":{\"bins\":[\"no-such-program\"]}}}\n---\n",
		"nameless": "---\ndescription: x\n---\n",
		"endless":  "---\nname: endless\ndescription: x\n",
		"plain":    "name: plain\ndescription: x\n",
		"empty":    "",
	} {
		dir := filepath.Join(workspace, "skills", name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, skillFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(workspace, "skills", "folder", skillFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(workspace, "skills", "a file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := &Agent{workspace: workspace}
	raw, err := a.skillsStatus(t.Context(), struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	list := raw.(msg.SkillList)
	var names []string
	byName := map[string]msg.Skill{}
	for _, s := range list.Skills {
		names, byName[s.Name] = append(names, s.Name), s
	}
	if !slices.Equal(names, []string{"always", "apple-notes", "weather"}) || list.WorkspaceDir != workspace {
		t.Fatalf("skills %q of %s", names, list.WorkspaceDir)
	}
	if s := byName["weather"]; !s.Eligible || s.Description != "Tells the weather." || s.Homepage != "https://example.org" || s.SkillKey != "weather" ||
		s.BaseDir != filepath.Join(workspace, "skills", "weather") || s.FilePath != filepath.Join(s.BaseDir, skillFile) {
		t.Errorf("skill %+v", s)
	}
	notes := byName["apple-notes"]
	if notes.Eligible || notes.Description != "Keeps notes in one place." || notes.Emoji != "📝" || notes.SkillKey != "notes" || notes.PrimaryEnv != "KEY" {
		t.Errorf("skill %+v", notes)
	}
	const want = `{"bins":["no-such-program"],"anyBins":[],"env":["KEY"],"config":[],"os":["plan9"]}`
	if got, err := json.Marshal(notes.Missing); err != nil || string(got) != want {
		t.Errorf("missing %s, %v", got, err)
	}
	if s := byName["always"]; !s.Eligible || s.Description != "Is there." {
		t.Errorf("skill %+v", s)
	}
	if got, err := a.skillsBins(t.Context(), struct{}{}); err != nil || !slices.Equal(got.(msg.SkillBins).Bins, []string{"go", "no-such-program", "x"}) {
		t.Errorf("bins %+v, %v", got, err)
	}
}

func TestSkillsThatCannotBeRead(t *testing.T) {
	workspace := t.TempDir()
	if err := os.WriteFile(filepath.Join(workspace, "skills"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Agent{workspace: workspace}).skillsStatus(t.Context(), struct{}{}); err == nil && runtime.GOOS != "windows" {
		t.Error("a file in place of the folder is not told")
	}
}

// Whatever a skill's file holds, it is read.
func FuzzFrontMatter(f *testing.F) {
	f.Add("---\nname: x\ndescription: >\n  y\n---\n")
	f.Add("---\n\n: \n a: b\n---")
	f.Add("---\r\nmetadata: {\"clawdbot\":{\"requires\":{\"bins\":[1]}}}\r\n---\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		matter := frontMatter(text)
		var s msg.Skill
		needs := describe(&s, matter["metadata"])
		if needs.Bins == nil || needs.AnyBins == nil || needs.Env == nil || needs.Config == nil || needs.OS == nil {
			t.Errorf("needs %+v", needs)
		}
	})
}
