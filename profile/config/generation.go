package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"clawdbot/profile/store"
)

// Verdict is what became of a generation.
type Verdict string

// The verdicts. A new generation is on probation until every component has been healthy long enough.
const (
	Probation Verdict = "probation"
	Good      Verdict = "good"
	Bad       Verdict = "bad"     // it ran and failed
	Refused   Verdict = "refused" // it never ran
)

// Generation is one config that ran, with everything needed to run it again but the environment:
// variables are kept as ${NAME}, so that no secret of the environment lands in the store.
type Generation struct {
	N       uint64    `json:"n"` // from 1
	Hash    string    `json:"hash"`
	Path    string    `json:"path"`  // of the root file
	Files   []File    `json:"files"` // the root file, then its includes; none when there was no file
	Time    time.Time `json:"time"`  // when it first ran
	Source  Source    `json:"source"`
	Verdict Verdict   `json:"verdict"`
	Reason  string    `json:"reason,omitempty"` // of the verdict
}

// Text is the root file's text.
func (g Generation) Text() []byte {
	if len(g.Files) == 0 {
		return nil
	}
	return g.Files[0].Text
}

// String is "generation 3 of 2026-01-02 15:04:05".
func (g Generation) String() string {
	return fmt.Sprintf("generation %d of %s", g.N, g.Time.Local().Format(time.DateTime))
}

// keepGenerations is how many are kept at least; the last good one is always kept.
const keepGenerations = 100

// ErrNoGeneration is returned when there is no such generation.
var ErrNoGeneration = errors.New("no such config generation")

// Generations remembers the configs that ran, in the profile's store. It is safe from many goroutines.
type Generations struct {
	store *store.Store
	log   store.Log[Generation]
}

// NewGenerations returns the generations in s.
func NewGenerations(s *store.Store) Generations {
	return Generations{s, store.NewLog[Generation](s, "config", "generation")}
}

// Record remembers a config that is about to run, on probation. When it equals the newest
// generation it is that one, with the verdict it has.
func (g Generations) Record(l *Loaded, source Source, now time.Time) (Generation, error) {
	var recorded Generation
	err := g.store.Update(func(tx *store.Tx) error {
		log := g.log.With(tx)
		list, err := collect(log)
		if err != nil {
			return err
		}
		if n := len(list); n > 0 && list[n-1].Hash == l.Hash {
			recorded = list[n-1]
			return nil
		}
		recorded = Generation{Hash: l.Hash, Path: l.Path, Files: l.sources, Time: now.UTC(), Source: source, Verdict: Probation}
		if recorded.N, err = log.Append(recorded); err != nil {
			return err
		}
		return trim(log, list)
	})
	return recorded, err
}

// trim forgets old generations, but none from the last good one on.
func trim(log store.Log[Generation], list []Generation) error {
	if len(list) < keepGenerations {
		return nil
	}
	first := list[len(list)-keepGenerations].N
	if good, ok := lastGood(list); ok {
		first = min(first, good.N)
	}
	return log.Trim(first)
}

// Mark sets the verdict of a generation, and returns it.
func (g Generations) Mark(n uint64, verdict Verdict, reason string) (Generation, error) {
	var marked Generation
	err := g.store.Update(func(tx *store.Tx) error {
		log := g.log.With(tx)
		var err error
		if marked, err = log.Get(n); err != nil {
			return missing(n, err)
		}
		marked.N, marked.Verdict, marked.Reason = n, verdict, reason
		return log.Put(n, marked)
	})
	return marked, err
}

// Get is generation n, or ErrNoGeneration.
func (g Generations) Get(n uint64) (Generation, error) {
	found, err := g.log.Get(n)
	found.N = n
	return found, missing(n, err)
}

// Latest is the newest generation, or ErrNoGeneration.
func (g Generations) Latest() (Generation, error) {
	list, err := g.List()
	if err == nil && len(list) == 0 {
		err = ErrNoGeneration
	}
	if err != nil {
		return Generation{}, err
	}
	return list[len(list)-1], nil
}

// LastGood is the newest good generation, or ErrNoGeneration.
func (g Generations) LastGood() (Generation, error) {
	list, err := g.List()
	if err != nil {
		return Generation{}, err
	}
	good, ok := lastGood(list)
	if !ok {
		return Generation{}, ErrNoGeneration
	}
	return good, nil
}

// List is all generations, the oldest first.
func (g Generations) List() ([]Generation, error) { return collect(g.log) }

func collect(log store.Log[Generation]) ([]Generation, error) {
	var list []Generation
	for record, err := range log.From(1) {
		if err != nil {
			return nil, err
		}
		record.Value.N = record.Seq
		list = append(list, record.Value)
	}
	return list, nil
}

func lastGood(list []Generation) (Generation, bool) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Verdict == Good {
			return list[i], true
		}
	}
	return Generation{}, false
}

func missing(n uint64, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("generation %d: %w", n, ErrNoGeneration)
	}
	return err
}

// FromGeneration loads a generation as Load does its file: the texts come from the generation,
// variables from the environment of now. Options.Path is ignored, and a .env file that cannot be read counts as missing.
func FromGeneration(g Generation, o Options) (*Loaded, error) {
	o.Path = g.Path
	if _, err := ReadFile(o.DotEnv); err != nil {
		o.DotEnv = ""
	}
	return load(o, func(path string) ([]byte, error) {
		for _, f := range g.Files {
			if f.Path == path {
				return f.Text, nil
			}
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	})
}

// Diff is the unified difference of two config texts, secrets hidden. It is empty for equal texts.
func Diff(oldName string, old []byte, newName string, new []byte) string {
	if bytes.Equal(old, new) {
		return ""
	}
	safeOld, okOld := redactText(old)
	safeNew, okNew := redactText(new)
	switch {
	case !okOld || !okNew:
		return "The texts differ; one is not valid JSON5, so what is secret in it cannot be told and it is not shown.\n"
	case bytes.Equal(safeOld, safeNew):
		return "Only secrets differ.\n"
	}
	return string(diff.Diff(oldName, safeOld, newName, safeNew))
}
