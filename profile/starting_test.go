package profile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clawdbot/profile/proc"
)

func TestNoteOfTheStart(t *testing.T) {
	p := Profile{Name: "main", StateDir: t.TempDir()}
	if s, ok := ReadStarting(p.StateDir); ok {
		t.Fatalf("before any: %+v", s)
	}
	if err := p.EndStart(); err != nil {
		t.Errorf("none to remove: %v", err)
	}
	cmd, id := spawn(t, "--hang", t.TempDir())
	for _, step := range []string{"open the store", "start the bus"} {
		if err := p.NoteStart(Starting{Process: id, Boot: "b1", Step: step, At: time.Unix(1e9, 0)}); err != nil {
			t.Fatal(err)
		}
		s, ok := ReadStarting(p.StateDir)
		if !ok || s.Step != step || s.Boot != "b1" || !s.At.Equal(time.Unix(1e9, 0)) || !s.Alive() {
			t.Errorf("got %+v, %v", s, ok)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if s, ok := ReadStarting(p.StateDir); !ok || s.Alive() {
		t.Errorf("of a process that was killed: %+v, %v", s, ok)
	}
	path := filepath.Join(p.StateDir, startingFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := p.EndStart(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(p.StateDir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	for _, damaged := range []string{"", "{", `{"at":7}`} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, ok := ReadStarting(p.StateDir); ok {
			t.Errorf("%q: %+v", damaged, s)
		}
	}
}

// TestNoteOfAnotherProgram: nobody waits for a process that is not the gateway's program.
func TestNoteOfAnotherProgram(t *testing.T) {
	p := Profile{Name: "main", StateDir: t.TempDir()}
	_, id := spawn(t, "--hang", t.TempDir())
	exe, err := proc.Exe(id.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.NoteStart(Starting{Process: id}); err != nil {
		t.Fatal(err)
	}
	honest, ok := ReadStarting(p.StateDir)
	if !ok || honest.Exe != exe || !honest.Alive() {
		t.Fatalf("got %+v", honest)
	}
	gone := id
	gone.Start += "0"
	another := filepath.Join(t.TempDir(), "sleep")
	for name, c := range map[string]struct {
		note       Starting
		registered string // program
		want       bool
	}{
		"the gateway":                         {honest, exe, true},
		"never registered":                    {honest, "", true},
		"updated to another folder":           {honest, filepath.Join(t.TempDir(), filepath.Base(exe)+"-1.2"), true},
		"of a version that notes no program":  {Starting{Process: id}, exe, true},
		"that is gone":                        {Starting{Process: gone, Exe: exe}, exe, true},
		"another program":                     {Starting{Process: id, Exe: another}, another, false},
		"no program noted, and another known": {Starting{Process: id}, another, false},
		"no program noted, and none known":    {Starting{Process: id}, "", false},
		"another program, and it says so":     {honest, another, false},
	} {
		body, err := json.Marshal(c.note)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(p.StateDir, startingFile), body, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, ok := (Instance{Profile: "main", StateDir: p.StateDir, Exe: c.registered}).Starting(); ok != c.want || ok && s.Process != c.note.Process {
			t.Errorf("%s: %+v, %v", name, s, ok)
		}
	}
	if (Starting{Process: id, Exe: another}).Alive() || (Starting{Process: id}).Alive() {
		t.Error("another program passes for the one that was noted")
	}
}
