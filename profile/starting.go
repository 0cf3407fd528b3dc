package profile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"clawdbot/profile/config"
	"clawdbot/profile/proc"
)

// Starting is the note that a gateway keeps in its state folder while it starts
// and does not beat yet, so that a slow start can be told from a dead gateway.
type Starting struct {
	Process proc.Identity `json:"process"`
	Exe     string        `json:"exe,omitempty"` // program that it runs; NoteStart fills it in
	Boot    string        `json:"boot"`
	Step    string        `json:"step"` // what it does now: open the store
	At      time.Time     `json:"at"`   // since when
}

// Alive says whether the process still runs that wrote the note, with the
// program that it names: one that was killed leaves its note behind.
func (s Starting) Alive() bool {
	_, err := proc.Same(s.Process)
	return err == nil && s.runs(s.Exe)
}

func (s Starting) runs(program string) bool {
	exe, err := proc.Exe(s.Process.PID)
	return err == nil && exe == program
}

// Starting returns the note in the instance's state folder, as ReadStarting does,
// and false also when its process runs, but not as the gateway's program: nobody
// waits for what any other process does.
func (i Instance) Starting() (Starting, bool) {
	s, ok := ReadStarting(i.StateDir)
	if !ok {
		return Starting{}, false
	}
	if _, err := proc.Same(s.Process); err != nil { // it has ended, or is not to be seen
		return s, true
	}
	if !s.runs(cmp.Or(s.Exe, i.Exe)) || s.Exe != "" && i.Exe != "" && programName(s.Exe) != programName(i.Exe) {
		return Starting{}, false
	}
	return s, true
}

// programName is what a program is called in every version: an update may move
// it, and name it clawdbot-1.2.
func programName(exe string) string {
	name, _, _ := strings.Cut(filepath.Base(exe), "-")
	return name
}

const startingFile = "starting.json"

// NoteStart replaces the note. It is not synced: a note is of no use after the
// host went down, and a start must not wait for the disk.
func (p Profile) NoteStart(s Starting) error {
	exe, err := proc.Exe(s.Process.PID)
	if err != nil {
		return fmt.Errorf("note of the start: %w", err)
	}
	s.Exe = exe
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("note of the start: %w", err)
	}
	path := filepath.Join(p.StateDir, startingFile)
	next := path + ".next" // one gateway of a profile starts at a time
	if err = os.WriteFile(next, body, 0o600); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return fmt.Errorf("note of the start: %w", err)
	}
	return nil
}

// EndStart removes the note. That there is none is no error.
func (p Profile) EndStart() error {
	if err := os.Remove(filepath.Join(p.StateDir, startingFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note of the start: %w", err)
	}
	return nil
}

// ReadStarting returns the note in a state folder, and false when there is none
// that can be read. Ask it whether it is Alive.
func ReadStarting(stateDir string) (Starting, bool) {
	body, err := config.ReadFile(filepath.Join(stateDir, startingFile))
	if err != nil {
		return Starting{}, false
	}
	var s Starting
	if err := json.Unmarshal(body, &s); err != nil {
		return Starting{}, false
	}
	return s, true
}
