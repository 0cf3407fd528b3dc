package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
	Refused   Verdict = "refused" // it never ran, or not long enough to tell
)

// Generation is one config that ran, with everything needed to run it again but the environment:
// variables are kept as ${NAME}, so that no secret of the environment lands in the store.
type Generation struct {
	N       uint64    `json:"n"` // from 1
	Hash    string    `json:"hash"`
	Env     string    `json:"env,omitempty"` // as Loaded.Env: another .env file makes another generation
	Path    string    `json:"path"`          // of the root file
	Files   []File    `json:"files"`         // the root file, then its includes; none when there was no file
	Time    time.Time `json:"time"`          // when it first ran
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
	lives store.Keyspace[life]
}

// NewGenerations returns the generations in s.
func NewGenerations(s *store.Store) Generations {
	return Generations{s, store.NewLog[Generation](s, "config", "generation"), store.NewKeyspace[life](s, "config", "running")}
}

// Record remembers a config that is about to run, on probation. When it equals the one that ran
// last it is that generation, with the verdict it has. One that was good before is good again: what
// is wrong now is not its fault.
func (g Generations) Record(l *Loaded, source Source, now time.Time) (Generation, error) {
	one := generationOf(l, source, now)
	return g.remember(&one, func(list []Generation) (Generation, bool) {
		if before, ok := newestOf(list, one); ok && before.Verdict == Good {
			one.Verdict = Good
		}
		last, ok := latest(list)
		return last, ok && last.same(one)
	})
}

// Keep remembers a text that did not run, so that it is not lost when another one is put in its
// place. One that ran, or is kept already, is that generation; without a file there is none to keep.
func (g Generations) Keep(l *Loaded, reason string, now time.Time) (Generation, error) {
	if !l.Exists {
		return Generation{}, nil
	}
	kept := generationOf(l, FromFile, now)
	kept.Verdict, kept.Reason = Refused, reason
	return g.remember(&kept, func(list []Generation) (Generation, bool) { return newestOf(list, kept) })
}

func generationOf(l *Loaded, source Source, now time.Time) Generation {
	return Generation{Hash: l.Hash, Env: l.Env, Path: l.Path, Files: l.sources, Time: now.UTC(), Source: source, Verdict: Probation}
}

// remember appends a generation, unless it is there already.
func (g Generations) remember(one *Generation, there func([]Generation) (Generation, bool)) (Generation, error) {
	err := g.store.Update(func(tx *store.Tx) error {
		log := g.log.With(tx)
		list, err := collect(log)
		if err != nil {
			return err
		}
		if before, ok := there(list); ok {
			*one = before
			return nil
		}
		if one.N, err = log.Append(*one); err != nil {
			return err
		}
		return trim(log, list)
	})
	return *one, err
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

// Retry puts a generation back on probation, for an operator who asks for it although it was bad.
func (g Generations) Retry(n uint64) (Generation, error) { return g.Mark(n, Probation, "") }

// Bad is the newest generation that equals the config if it is a bad one. It is not tried again by itself.
func (g Generations) Bad(l *Loaded) (Generation, bool, error) {
	list, err := g.List()
	found, ok := newestOf(list, Generation{Hash: l.Hash, Env: l.Env})
	return found, ok && found.Verdict == Bad, err
}

// Get is generation n, or ErrNoGeneration.
func (g Generations) Get(n uint64) (Generation, error) {
	found, err := g.log.Get(n)
	found.N = n
	return found, missing(n, err)
}

// Latest is the newest generation that ran, or ErrNoGeneration.
func (g Generations) Latest() (Generation, error) { return g.pick(latest) }

// LastGood is the newest good generation, or ErrNoGeneration. One whose text turned out bad later is not good.
func (g Generations) LastGood() (Generation, error) { return g.pick(lastGood) }

func (g Generations) pick(one func([]Generation) (Generation, bool)) (Generation, error) {
	list, err := g.List()
	if err != nil {
		return Generation{}, err
	}
	found, ok := one(list)
	if !ok {
		return Generation{}, ErrNoGeneration
	}
	return found, nil
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

// latest is the newest generation that ran.
func latest(list []Generation) (Generation, bool) {
	for _, g := range slices.Backward(list) {
		if g.Verdict != Refused {
			return g, true
		}
	}
	return Generation{}, false
}

// lastGood is the newest good generation whose text did not turn out bad later.
func lastGood(list []Generation) (Generation, bool) {
	for _, g := range slices.Backward(list) {
		if newest, _ := newestOf(list, g); g.Verdict == Good && newest.Verdict != Bad {
			return g, true
		}
	}
	return Generation{}, false
}

// same says whether two generations are the same config.
func (g Generation) same(other Generation) bool { return g.Hash == other.Hash && g.Env == other.Env }

// newestOf is the newest generation that is the same as one and ran, else one that was kept.
func newestOf(list []Generation, one Generation) (found Generation, ok bool) {
	for _, g := range list {
		if g.same(one) && (!ok || g.Verdict != Refused) {
			found, ok = g, true
		}
	}
	return found, ok
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
	safeOld, okOld := RedactText(old)
	safeNew, okNew := RedactText(new)
	switch {
	case !okOld || !okNew:
		return "The texts differ; one is not valid JSON5, so what is secret in it cannot be told and it is not shown.\n"
	case bytes.Equal(safeOld, safeNew):
		return "Only secrets differ.\n"
	}
	return string(diff.Diff(oldName, safeOld, newName, safeNew))
}
