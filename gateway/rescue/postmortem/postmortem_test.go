package postmortem

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
	"clawdbot/profile/tape"
)

func TestPostMortemOfADeadGateway(t *testing.T) {
	s := newScene(t)
	s.fill()
	owner := s.open(s.main) // it starts at this moment
	defer s.close(owner)
	r := s.collect()
	if !strings.HasPrefix(r.Finding, "main does not run its file: clawdbot.json:3:18: ") || r.Alive {
		t.Errorf("finding %q, alive %v", r.Finding, r.Alive)
	}
	if len(r.Incidents) != 1 || r.Incidents[0].Peer != "main" || len(r.Incidents[0].Timeline) != 2 {
		t.Errorf("incidents: %+v", r.Incidents)
	}
	if c := r.Config; c == nil || c.LastGood != 1 || len(c.Issues) != 1 || !strings.Contains(c.Issues[0], "bridge.port") || !strings.Contains(c.Diff, `+  bridge: {port: "many"},`) {
		t.Errorf("config: %+v", c)
	}
	if len(r.Generations) != 1 || r.Generations[0].Verdict != config.Good {
		t.Errorf("generations: %+v", r.Generations)
	}
	if len(r.Beats) != keepBeats || r.Beats[keepBeats-1].Seq != 59 || r.Beats[keepBeats-1].Boot != "b" {
		t.Errorf("beats: %+v", r.Beats)
	}
	subjects := func(e tape.Entry) string { return e.Subject }
	if got := apply(r.Traffic, subjects); !slices.Equal(got, []string{"clawdbot.main.in.telegram", "clawdbot.main.config.refused"}) || r.Traffic[0].Body != nil || r.Traffic[1].Body == nil {
		t.Errorf("traffic: %+v", r.Traffic)
	}
	if len(r.Log) != len(secrets)-1 {
		t.Errorf("%d lines of log: %+v", len(r.Log), r.Log)
	}
	if r.Goroutines == nil || !strings.Contains(r.Goroutines.Text, "goroutine 1 [running]") {
		t.Errorf("goroutines: %+v", r.Goroutines)
	}
	if r.Store == nil || r.Store.Damage != "" || r.Store.Report == nil || r.Store.Report.Commits == 0 {
		t.Errorf("store: %+v", r.Store)
	}
	if r.Host == nil || r.Host.DiskTotal == 0 || r.Host.Memory == 0 || len(r.Host.Folders) == 0 {
		t.Errorf("host: %+v", r.Host)
	}
	if len(r.Ports) != 7 || r.Versions.Gateway != "1.2.3" || r.Versions.Here != "1.2.4" {
		t.Errorf("ports %+v, versions %+v", r.Ports, r.Versions)
	}
	if got := apply(r.Missing, func(m Missing) string { return m.Source }); !slices.Equal(got, []string{"service", "journal"}) {
		t.Errorf("missing: %+v", r.Missing)
	}
}

func apply[T any](list []T, get func(T) string) []string {
	names := make([]string, len(list))
	for n, v := range list {
		names[n] = get(v)
	}
	return names
}

func TestArchiveHoldsNoSecret(t *testing.T) {
	s := newScene(t)
	s.fill()
	r := s.collect()
	path := filepath.Join(t.TempDir(), r.Name())
	size, err := r.Save(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != size || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want %d bytes", info, err, size)
	}
	files := unpack(t, path)
	for _, name := range []string{"report.html", "report.json", "log.jsonl", "beats.jsonl", "traffic.jsonl", "config.diff", "goroutines.txt"} {
		if files[name] == "" {
			t.Errorf("no %s", name)
		}
	}
	for name, text := range files {
		for what, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s has the secret %s", name, what)
			}
		}
	}
	var back Report
	if err := json.Unmarshal([]byte(files["report.json"]), &back); err != nil || back.Finding != r.Finding {
		t.Errorf("report.json: %q, %v", back.Finding, err)
	}
}

func TestPageShowsWhatIsNotWell(t *testing.T) {
	s := newScene(t)
	s.fill()
	html := string(page(s.collect()))
	for _, want := range []string{`<span class="bad">browser degraded</span> no Chromium`, "clawdbot.json:3:18: bridge.port", "its process does not run"} {
		if !strings.Contains(html, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// TestPageNeedsNothing: no script, nothing from elsewhere, and a policy that says so.
func TestPageNeedsNothing(t *testing.T) {
	s := newScene(t)
	s.fill()
	s.write(s.main.LogFile(), `{"level":"error","msg":"<script>alert(1)</script><img src=//evil.example/x>"}`+"\n")
	page := string(page(s.collect()))
	if !strings.Contains(page, `content="default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-`) {
		t.Errorf("policy: %.600s", page)
	}
	if bad := regexp.MustCompile(`(?i)<(script|img|link|iframe|object)|<[^>]*\s(on\w+|style|src)=|href="[^#]|url\(|@import`).FindString(page); bad != "" {
		t.Errorf("the page has %q", bad)
	}
	if !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=//evil.example/x&gt;") {
		t.Error("the log's text is not escaped")
	}
	for _, id := range regexp.MustCompile(`href="#(\w+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `<section id="`+id[1]+`">`) {
			t.Errorf("no section %s", id[1])
		}
	}
}

func TestEveryMissingSourceIsNamed(t *testing.T) {
	s := newScene(t)
	s.peer.Ports = ports.Ports{}
	r := s.collect()
	want := []string{"incidents", "store", "traffic", "log", "service", "journal", "ports", "host", "goroutines"}
	if got := apply(r.Missing, func(m Missing) string { return m.Source }); !slices.Equal(got, want) {
		t.Errorf("missing %q, want %q", got, want)
	}
	if html := string(page(r)); strings.Count(html, "</section>") != len(sections()) {
		t.Errorf("the page is not whole: %s", html)
	}
}

func TestPostMortemOfADamagedStore(t *testing.T) {
	s := newScene(t)
	s.fill()
	logs, err := filepath.Glob(filepath.Join(s.main.StoreDir(), "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal("no log", err)
	}
	for _, path := range logs {
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(s.main.StoreDir()+".corrupt-20260102T030405.000000Z", 0o700); err != nil {
		t.Fatal(err)
	}
	r := s.collect()
	if r.Store == nil || !strings.Contains(r.Store.Damage, "commits were acknowledged") || len(r.Store.Quarantined) != 1 {
		t.Errorf("store: %+v, missing %+v", r.Store, r.Missing)
	}
}

func TestALiveGatewayCopiesItsStore(t *testing.T) {
	s := newScene(t)
	s.fill()
	db := s.open(s.main)
	defer s.close(db)
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	s.peer.Process = self.Identity
	for _, c := range []struct {
		checkpoint func(context.Context, profile.Profile) (string, error)
		from       func(dir string) bool
		missing    string
	}{
		{func(context.Context, profile.Profile) (string, error) { return db.Backup() }, func(dir string) bool { return strings.HasPrefix(dir, s.main.CheckpointDir()) }, ""},
		{func(context.Context, profile.Profile) (string, error) { return "", errors.New("it hangs") }, func(dir string) bool { return dir == s.main.StoreDir() }, "it hangs"},
	} {
		r, err := Collect(t.Context(), Config{Own: s.rescue, Peer: s.peer, Version: "1.2.4", Checkpoint: c.checkpoint})
		if err != nil {
			t.Fatal(err)
		}
		if r.Store == nil || !c.from(r.Store.From) || !r.Alive || r.Host.Resident == 0 {
			t.Errorf("store %+v, alive %v, host %+v", r.Store, r.Alive, r.Host)
		}
		if told := slices.Contains(apply(r.Missing, func(m Missing) string { return m.Why }), c.missing); told != (c.missing != "") {
			t.Errorf("missing: %+v", r.Missing)
		}
	}
}

func TestSaveLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there.tar.gz")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Report{}).Save(there); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a path that exists: %v", err)
	}
	if raw, err := os.ReadFile(there); err != nil || string(raw) != "mine" {
		t.Errorf("it changed: %q, %v", raw, err)
	}
	if _, err := (Report{}).Save(filepath.Join(dir, "none", "x.tar.gz")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	broken := Report{Traffic: []tape.Entry{{Body: json.RawMessage("{")}}}
	if _, err := broken.Save(filepath.Join(dir, "broken.tar.gz")); err == nil {
		t.Error("what cannot be written is written")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); !slices.Equal(left, []string{there}) {
		t.Errorf("left behind: %q", left)
	}
}

func TestCollectEndsWithItsContext(t *testing.T) {
	s := newScene(t)
	s.fill()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Collect(ctx, Config{Own: s.rescue, Peer: s.peer}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
