package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"clawdbot/profile/config"
	"clawdbot/profile/proc"
)

// Starting is the note that a gateway keeps in its state folder while it starts
// and does not beat yet, so that a slow start can be told from a dead gateway.
type Starting struct {
	Process proc.Identity `json:"process"`
	Boot    string        `json:"boot"`
	Step    string        `json:"step"` // what it does now: open the store
	At      time.Time     `json:"at"`   // since when
}

// Alive says whether the process still runs that wrote the note: one that was
// killed leaves its note behind.
func (s Starting) Alive() bool {
	_, err := proc.Same(s.Process)
	return err == nil
}

const startingFile = "starting.json"

// NoteStart replaces the note. It is not synced: a note is of no use after the
// host went down, and a start must not wait for the disk.
func (p Profile) NoteStart(s Starting) error {
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
