package config

import (
	"fmt"
	"path/filepath"
)

// Source tells where the config that runs comes from.
type Source string

// The sources, in the order in which they are tried.
const (
	FromFile     Source = "file"
	FromFallback Source = "fallback" // the last good generation
	FromSafeMode Source = "safe"     // bus, link, health and status only, on the defaults
)

// Choice is the config to run. It always has a Loaded.
type Choice struct {
	Source     Source
	Loaded     *Loaded
	Generation uint64 // of a fallback, else 0
	Reason     string // why it is not the file; empty for FromFile
}

// Choose decides what to run: the file if it loads, else the last good generation, else safe mode.
// loaded and loadErr are what Load returned, lastGood is nil when there is none.
//
// A missing file counts as lost once a generation was good: defaults in its place could be weaker
// than what the user had set. The fallback is that generation unchanged, so auth, bind and deny
// rules are as they were; safe mode has the defaults, which listen on loopback and need a token.
func Choose(loaded *Loaded, loadErr error, lastGood *Generation, o Options) Choice {
	lost := loadErr == nil && !loaded.Exists && lastGood != nil && len(lastGood.Files) > 0
	if loadErr == nil && !lost {
		return Choice{Source: FromFile, Loaded: loaded}
	}
	reason := fmt.Sprintf("%s is missing; write {} to it to begin with the defaults", filepath.Base(o.Path))
	if loadErr != nil {
		reason = loadErr.Error()
	}
	if lastGood == nil {
		return safeMode(o, reason+"; there is no good generation yet")
	}
	fallback, err := FromGeneration(*lastGood, o)
	if err != nil {
		return safeMode(o, fmt.Sprintf("%s; %s no longer loads: %v", reason, lastGood, err))
	}
	return Choice{
		Source:     FromFallback,
		Loaded:     fallback,
		Generation: lastGood.N,
		Reason:     fmt.Sprintf("%s; running %s", reason, lastGood),
	}
}

func safeMode(o Options, reason string) Choice {
	return Choice{
		Source: FromSafeMode,
		Loaded: &Loaded{Config: Default(), Path: o.Path, Hash: hash(o.Path, nil), Tree: map[string]any{}},
		Reason: reason + "; running in safe mode: bus, link, health and status only",
	}
}
