package postmortem

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
	"clawdbot/profile/store"
	"clawdbot/profile/tape"
)

// The secrets that scene plants, each where its name says.
var secrets = map[string]string{
	"config":   "cfg-81c2e0aa77d1",
	"token":    "file-token-5f0c9d3e",
	"bus":      "bus-debug-key-a9b8c7",
	"pair":     strings.Repeat("pair", 8),
	"dotenv":   "dot-env-value-4411",
	"variable": "held-by-${VAR}-3321",
	"grant":    "granted-password-77",
	"asker":    "rescues-own-token-12",
	"bearer":   "unknown-bearer-0042",
	"said":     "a message that a person wrote",
}

// scene is a host on which main died after its config was broken, with a secret
// in every place that the post-mortem reads, and rescue, which saw it.
type scene struct {
	t            *testing.T
	main, rescue profile.Profile
	peer         profile.Instance
}

func newScene(t *testing.T) *scene {
	t.Helper()
	home := t.TempDir()
	resolve := func(name string) profile.Profile {
		p, err := profile.Resolve(profile.Flags{Profile: name}, profile.Env{Home: home, Lookup: os.LookupEnv}.Bare())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	s := &scene{t: t, main: resolve("main"), rescue: resolve("rescue")}
	gone, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	gone.Start += "0" // a process that started later, and is not there
	set, err := ports.Derive(41000)
	if err != nil {
		t.Fatal(err)
	}
	s.peer = profile.Instance{
		Profile: "main", Bus: "main", StateDir: s.main.StateDir, ConfigPath: s.main.ConfigPath, Workspace: s.main.Workspace,
		Process: gone.Identity, StartedAt: time.Now().Add(-time.Hour), Exe: "/usr/bin/clawdbot", Version: "1.2.3", Ports: set,
	}
	return s
}

// fill makes all that a gateway leaves behind.
func (s *scene) fill() {
	s.write(s.main.TokenFile(), secrets["token"])
	s.write(s.main.BusKey("debug"), secrets["bus"])
	s.write(s.rescue.TokenFile(), secrets["asker"])
	s.write(s.main.DotEnv(), "# ours\nexport SERVICE_KEY=\""+secrets["dotenv"]+"\" # of the service\nVAR="+secrets["variable"]+"\n")
	s.write(filepath.Join(s.main.Registry.Dir(), "links", "main+rescue.key"), secrets["pair"])
	s.write(s.main.ConfigPath, `{gateway: {auth: {token: "`+secrets["config"]+`"}}, agents: {defaults: {workspace: "~/old"}}}`)
	s.fillStore()
	s.write(s.main.ConfigPath, "{\n  gateway: {auth: {token: \""+secrets["config"]+"\"}, remote: {password: \"${VAR}\"}},\n  bridge: {port: \"many\"},\n}\n")
	s.write(filepath.Join(s.main.StateDir, "crash", "current.txt"), "SIGABRT: abort\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:7 +0x18\n")
	var lines []string
	for name, secret := range secrets {
		line, err := json.Marshal(msg.LogLine{
			Time: "2026-01-02T03:04:05.678Z", Level: "warn", Component: "bridge", Msg: "said " + secret + " by " + name,
			Attrs: map[string]any{"err": "dial ws://u:" + secret + "@host/", "token": secret, "n": 7},
		})
		if err != nil {
			s.t.Fatal(err)
		}
		if name != "said" && name != "bearer" {
			lines = append(lines, string(line))
		}
	}
	lines = append(lines, "torn li", `{"level":"error","msg":"Authorization: Bearer `+secrets["bearer"]+`"}`)
	s.write(s.main.LogFile(), strings.Join(lines, "\n")+"\n")
	s.incident()
}

func (s *scene) fillStore() {
	db := s.open(s.main)
	defer s.close(db)
	loaded, err := s.main.Load()
	if err != nil {
		s.t.Fatal(err)
	}
	generations := config.NewGenerations(db)
	g, err := generations.Record(loaded, config.FromFile, time.Now())
	if err == nil {
		_, err = generations.Mark(g.N, config.Good, "")
	}
	if err == nil {
		err = store.NewKeyspace[map[string]string](db, "bus", "grant").Put("probe", map[string]string{"name": "probe", "password": secrets["grant"]})
	}
	ring, ringErr := store.NewRing[tape.Entry](db, tape.Component, tape.Kind, store.RingLimits{Bytes: 1 << 20, Age: time.Hour})
	if err = errors.Join(err, ringErr); err != nil {
		s.t.Fatal(err)
	}
	at := time.Now().Add(-2 * time.Hour)
	entry := func(subject string, body any) tape.Entry {
		raw, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		at = at.Add(time.Second)
		return tape.Entry{At: at.UTC(), Subject: subject, Size: len(raw), Body: raw}
	}
	var list []tape.Entry
	for seq := range 60 {
		beat := msg.Beat{Profile: "main", Boot: "b", Seq: uint64(seq), Components: []msg.Component{{Name: "browser", State: msg.StateDegraded, Detail: "no Chromium"}}}
		var short any = beat
		if seq > 0 {
			short = map[string]int{"seq": seq} // it says the same
		}
		list = append(list, entry("clawdbot.main.health.beat", short), entry("clawdbot.rescue.health.beat", msg.Beat{Profile: "rescue"}))
	}
	list = append(list, entry("clawdbot.main.in.telegram", msg.In{Text: secrets["said"]}),
		entry("clawdbot.main.config.refused", map[string]string{"reason": "password=" + secrets["config"]}))
	if err := errors.Join(ring.Append(list...), ring.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// incident is what rescue saw.
func (s *scene) incident() {
	db := s.open(s.rescue)
	defer s.close(db)
	all := store.NewKeyspace[msg.Incident](db, "rescue", "incident")
	began := time.Now().Add(-time.Minute).UnixMilli()
	for n, peer := range []string{"main", "other"} {
		i := msg.Incident{
			ID: fmt.Sprintf("20260102-150405-%s-%04d", peer, n), Observer: "rescue", Peer: peer, Kind: msg.KindBadConfig, State: msg.IncidentHeld,
			Summary: "main does not run its file: clawdbot.json:3:18: bridge.port: must be a number, " + secrets["config"],
			Began:   began, Detected: began + 80, DetectMs: 80, Verdict: msg.VerdictDown,
			Witnesses: []msg.Witness{{Name: "process", Said: "gone"}}, Exit: &msg.Exit{Manager: "systemd", Status: -1, Signal: "SIGKILL"},
			Actions:  []msg.Action{{At: began + 90, What: "restart", Why: "it is down", By: "rescue", TookMs: 40, Result: "done"}},
			Timeline: []msg.Moment{{At: began, What: "the link broke"}, {At: began + 80, What: "its process is gone"}},
		}
		if err := all.Put(i.ID, i); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *scene) write(path, text string) {
	s.t.Helper()
	if err := profile.WriteFile(path, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) open(p profile.Profile) *store.Store {
	s.t.Helper()
	if err := os.MkdirAll(p.StateDir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	db, err := store.Open(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir()})
	if err != nil {
		s.t.Fatal(err)
	}
	return db
}

func (s *scene) close(db *store.Store) {
	if err := db.Close(); err != nil {
		s.t.Error(err)
	}
}

func (s *scene) collect() Report {
	s.t.Helper()
	r, err := Collect(s.t.Context(), Config{Own: s.rescue, Peer: s.peer, Version: "1.2.4"})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// unpack returns the files of an archive by their names in its one folder.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	folder := strings.TrimSuffix(filepath.Base(path), ".tar.gz")
	files := map[string]string{}
	for archive := tar.NewReader(zip); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutPrefix(header.Name, folder+"/")
		if !ok || header.Mode != 0o600 {
			t.Errorf("entry %s, mode %o", header.Name, header.Mode)
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(body)
	}
}
