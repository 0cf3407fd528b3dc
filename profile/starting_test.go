package profile

import (
	"os"
	"path/filepath"
	"testing"
	"time"
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
