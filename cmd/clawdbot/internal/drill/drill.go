// Package drill rehearses faults on a pair of gateways of its own, and scores
// what became of them.
//
// Each fault has a place to itself: a folder with a home, a registry, a main
// and a rescue, on ports that nobody has, kept by `clawdbot up`. Main is a clone
// of a profile in how its parts are switched, and in nothing else: no secret, no
// address beyond this host and nobody to notify come with it. The real profiles
// are never touched.
//
// The faults are real: signals, a limit on the size of files, a listener on a
// port, a changed byte in the store. What is measured is what a stranger sees:
// what the two gateways say on their buses, and whether main acknowledges the
// messages that it is sent all the time. What it acknowledged it must still know
// when the fault is over.
package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clawdbot/profile/config"
	"clawdbot/profile/near"
	"clawdbot/profile/ports"
)

// Config configures a drill. Exe, Env and Own are required.
type Config struct {
	Exe   string          // the clawdbot that runs the gateways
	Env   []string        // KEY=value of this process; the gateways get little of it
	Own   func(*exec.Cmd) // keeps the terminal's Ctrl-C from a child, and lets none outlive this process
	Like  config.Config   // of the profile that main is a clone of
	Taken []ports.Ports   // what the profiles of this host have

	Only  []string                // names of the faults; none means all
	Busy  time.Duration           // how long the host is kept busy; 0 means 20 s
	Allow float64                 // how many times the promised figures a fault may take; 0 means 1
	Keep  bool                    // leave the scratch folder
	Next  func(name, what string) // called before each fault; may be nil
}

// ErrUnsupported says that this system has no means for a drill.
var ErrUnsupported = errors.New("a drill stops, continues and kills processes by signals, which this system does not have")

// ErrFault says that there is no such fault.
var ErrFault = errors.New("no such fault")

// Fault is one thing that a drill rehearses.
type Fault struct {
	Name string `json:"name"`
	What string `json:"what"`
}

// Faults are all that can be rehearsed, in their order.
func Faults() []Fault {
	var list []Fault
	for _, f := range faults() {
		list = append(list, f.Fault)
	}
	return list
}

// Card is the scorecard of a drill.
type Card struct {
	Passed bool    `json:"passed"`
	Allow  float64 `json:"allow"`            // how many times the promised figures were allowed
	Folder string  `json:"folder,omitempty"` // the scratch, when it was kept
	Scores []Score `json:"scores"`
}

// Run rehearses the faults one after the other and returns their scores. The
// error says that the drill itself could not go on, not that a fault was handled
// badly. It blocks for minutes; when ctx ends it stops what it started, removes
// the scratch folder and returns the context's error.
func Run(ctx context.Context, cfg Config) (card Card, err error) {
	if !supported {
		return Card{}, ErrUnsupported
	}
	chosen, err := choose(cfg.Only)
	if err != nil {
		return Card{}, err
	}
	cfg.Allow, cfg.Busy = orElse(cfg.Allow, 1), orElse(cfg.Busy, 20*time.Second)
	dir, err := os.MkdirTemp("", "clawdbot-drill-")
	if err != nil {
		return Card{}, fmt.Errorf("scratch folder: %w", err)
	}
	card = Card{Passed: true, Allow: cfg.Allow}
	if cfg.Keep {
		card.Folder = dir
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	for _, f := range chosen {
		if cfg.Next != nil {
			cfg.Next(f.Name, f.What)
		}
		score, err := rehearse(ctx, cfg, f, filepath.Join(dir, f.Name))
		if ctx.Err() != nil {
			return card, ctx.Err()
		}
		if err != nil {
			return card, fmt.Errorf("drill %s: %w", f.Name, err)
		}
		card.Scores = append(card.Scores, score)
		card.Passed = card.Passed && len(score.Failures) == 0
	}
	return card, nil
}

// choose finds the named faults, in the order of all.
func choose(names []string) ([]fault, error) {
	all := faults()
	var known []string
	for _, f := range all {
		known = append(known, f.Name)
	}
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		hint := "there are " + strings.Join(known, ", ")
		if meant := near.Name(name, known); meant != "" {
			hint = "did you mean " + meant + "?"
		}
		return nil, fmt.Errorf("%w %q; %s", ErrFault, name, hint)
	}
	if len(names) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(f fault) bool { return !slices.Contains(names, f.Name) }), nil
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
