package config

import (
	"fmt"
	"path/filepath"
	"slices"
)

// Source tells where the config that runs comes from.
type Source string

// The sources, in the order in which they are tried.
const (
	FromFile     Source = "file"
	FromFallback Source = "fallback" // a generation that was good
	FromSafeMode Source = "safe"     // bus, link, health, status and repair only, on the defaults
)

// Choice is the config to run. It always has a Loaded.
type Choice struct {
	Source     Source
	Loaded     *Loaded
	Generation uint64   // of a fallback, else 0
	Reason     string   // why it is not the file; empty for FromFile
	Tightened  []string // what Tighten changed in Loaded.Config, a sentence each
}

// Directive asks for another start than that of the file.
type Directive struct {
	Generation uint64 // to run; 0 means the last good one
	Safe       bool   // safe mode instead of a generation
	BadHash    string // of the config that it stands in for; a file with another hash is tried. Empty: whatever the file is
	Reason     string // one sentence
	By         string // who asks
}

// Choose decides what to run: the file if it may, else the last good generation, else safe mode.
// loaded and loadErr are what Load returned; d is nil without a directive. Its error is the store's.
//
// The file may not run when it does not load, when it is a bad generation, or when a directive asks for
// something else. A missing file counts as lost once a generation was good: defaults in its place could
// be weaker than what the user had set. A directive that is followed makes the generation of its BadHash
// a bad one, so that the next start does not try it either.
//
// Whatever runs instead of the file went through Tighten, with the file and the generations. Safe mode has the defaults, which listen on
// loopback and need a token.
func (g Generations) Choose(loaded *Loaded, loadErr error, d *Directive, o Options) (Choice, error) {
	past, err := g.List()
	if err != nil {
		return Choice{}, err
	}
	choice := choose(loaded, loadErr, d, past, o)
	if choice.Source == FromFallback && d.against(loaded) {
		if bad, ok := newestOf(past, Generation{Hash: loaded.Hash, Env: loaded.Env}); ok && bad.Verdict != Bad {
			_, err = g.Mark(bad.N, Bad, d.sentence())
		}
	}
	return choice, err
}

// choose is Choose on the list of generations.
func choose(loaded *Loaded, loadErr error, d *Directive, past []Generation, o Options) Choice {
	all := past
	if d.against(loaded) {
		past = slices.DeleteFunc(slices.Clone(past), func(g Generation) bool { return g.Hash == d.BadHash })
	}
	good, hasGood := lastGood(past)
	name := filepath.Base(o.Path)
	reason := ""
	switch {
	case d.concerns(loaded):
		reason = d.sentence()
	case loadErr != nil:
		reason = loadErr.Error()
	case !loaded.Exists && hasGood && len(good.Files) > 0:
		reason = fmt.Sprintf("%s is missing; write {} to it to begin with the defaults", name)
	default:
		if bad, ok := newestOf(past, Generation{Hash: loaded.Hash, Env: loaded.Env}); ok && bad.Verdict == Bad {
			reason = fmt.Sprintf("%s is %s, which is bad: %s; edit it, or try it again with config apply", name, bad, bad.Reason)
		}
	}
	if reason == "" {
		return Choice{Source: FromFile, Loaded: loaded}
	}
	f := fallback{o, lastWords(loaded, all, o), reason}
	if d.concerns(loaded) {
		if d.Safe {
			return f.safeMode()
		}
		if i := slices.IndexFunc(past, func(g Generation) bool { return g.N == d.Generation }); i >= 0 {
			good, hasGood = past[i], true
		}
	}
	switch {
	case !hasGood:
		f.reason += "; there is no good generation to run instead"
		return f.safeMode()
	case loadErr == nil && good.Hash == loaded.Hash: // the directive asks for what the file holds
		return Choice{Source: FromFile, Loaded: loaded}
	}
	return f.generation(good)
}

// concerns says whether the directive holds for a file as it is now.
func (d *Directive) concerns(file *Loaded) bool {
	return d != nil && (d.BadHash == "" || d.against(file))
}

// against says whether the directive names the file as bad.
func (d *Directive) against(file *Loaded) bool {
	return d != nil && file != nil && file.Hash == d.BadHash
}

func (d *Directive) sentence() string { return fmt.Sprintf("boot directive of %s: %s", d.By, d.Reason) }

// fallback makes the choice when it cannot be the file.
type fallback struct {
	o      Options
	words  []*Loaded // what the user said last
	reason string
}

func (f fallback) generation(g Generation) Choice {
	loaded, err := FromGeneration(g, f.o)
	if err != nil {
		f.reason += fmt.Sprintf("; %s no longer loads: %v", g, err)
		return f.safeMode()
	}
	return f.choice(FromFallback, loaded, g.N, fmt.Sprintf("%s; running %s", f.reason, g))
}

func (f fallback) safeMode() Choice {
	loaded := &Loaded{Config: Default(), Path: f.o.Path, Hash: hash(f.o.Path, nil), Tree: map[string]any{}}
	return f.choice(FromSafeMode, loaded, 0, f.reason+"; running in safe mode: bus, link, health, status and repair only")
}

func (f fallback) choice(s Source, l *Loaded, n uint64, reason string) Choice {
	c := Choice{Source: s, Loaded: l, Generation: n, Reason: reason}
	l.Config, c.Tightened = Tighten(l.Config, f.words...)
	if s == FromSafeMode { // it has nothing of the user's that could be weaker
		c.Tightened = nil
	}
	return c
}

// Tighten is the function Tighten with what the user said last: the file as Load returned it, also
// nil, and where that tells nothing the generations on record, whatever became of them.
func (g Generations) Tighten(fallback Config, file *Loaded, o Options) (Config, []string, error) {
	past, err := g.List()
	if err != nil {
		return fallback, nil, err
	}
	tightened, sentences := Tighten(fallback, lastWords(file, past, o)...)
	return tightened, sentences, nil
}

// lastWords are the configs that tell what the user wants, the newest first: the file, and the
// generations down to one in which all can be read. A file that is missing tells nothing.
func lastWords(file *Loaded, past []Generation, o Options) (words []*Loaded) {
	if file != nil && file.Exists {
		words = append(words, file)
	}
	whole := func(l *Loaded) bool { return l.partial != nil && len(l.Issues) == 0 }
	for _, g := range slices.Backward(past) {
		if n := len(words); n > 0 && whole(words[n-1]) {
			break
		}
		if l, _ := FromGeneration(g, o); l != nil { // its issues tell what is wrong with it
			words = append(words, l)
		}
	}
	return words
}
