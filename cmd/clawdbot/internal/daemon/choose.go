package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

// trial is what a life of the gateway hands on to the next one.
type trial struct {
	loaded *config.Loaded // to run instead of the file, as it was applied by hand
	n      uint64         // the generation that it, or the file, was recorded as; 0 when it was not
	need   time.Duration  // its probation; 0 means probationTime
	failed *failure       // what the gateway could not do, so that it does something else
	safe   bool           // nothing else than safe mode is left
	space  time.Duration  // how long the earlier life waited for space on the disk
	notes  []string       // for the log
}

// failure is a config that the gateway could not start with, or not stay well.
type failure struct {
	loaded *config.Loaded
	n      uint64 // its generation; 0 when it was not recorded
	err    error
	bad    bool // the config is to blame, and not what may have passed at the next start
}

// restart is another life of the gateway in the same process.
type restart struct{ trial trial }

// chooseConfig takes what a directive asks for, else the file, else the last
// good generation, else safe mode.
func (d *daemon) chooseConfig(context.Context) error {
	gens := config.NewGenerations(d.store)
	crashed, did, err := gens.Crashed(time.Now(), d.earlier)
	if err != nil {
		return err
	}
	if did && crashed.Verdict == config.Bad { // else there is no other one to go back to
		d.note(fmt.Sprintf("generation %d: %s", crashed.N, crashed.Reason))
	}
	loaded, loadErr := d.Profile.Load()
	if loaded != nil {
		d.fileMark = mark(loaded)
	}
	if d.trial.loaded != nil {
		loaded, loadErr = d.trial.loaded, nil
	}
	directive, err := d.directive(gens, loaded, loadErr)
	if err != nil {
		return err
	}
	choice, err := gens.Choose(loaded, loadErr, directive, d.Profile.ConfigOptions())
	if err != nil {
		return err
	}
	d.set(func(s *settings) {
		s.choice, s.tightened = choice, choice.Tightened
		var invalid *config.Error
		if errors.As(loadErr, &invalid) {
			s.issues = issueLines(invalid.Issues)
		}
	})
	return nil
}

// note keeps a sentence for the log, which is not open yet.
func (d *daemon) note(sentence string) { d.notes = append(d.notes, sentence) }

// directive is how this start is to go other than by the file: after a failure
// of its own, or as a peer that repairs has left it. It is nil for neither.
func (d *daemon) directive(gens config.Generations, loaded *config.Loaded, loadErr error) (*config.Directive, error) {
	switch {
	case d.trial.safe:
		return &config.Directive{Safe: true, Reason: d.trial.failed.err.Error(), By: d.Profile.Bus()}, nil
	case d.trial.failed != nil:
		good, err := gens.LastGood()
		if err != nil {
			return nil, err
		}
		return &config.Directive{Generation: good.N, Reason: d.trial.failed.err.Error(), By: d.Profile.Bus()}, nil
	}
	taken, err := d.Profile.TakeDirective(time.Now(), d.directors(gens, loaded, loadErr))
	switch {
	case errors.Is(err, profile.ErrNoDirective):
		return nil, nil
	case err != nil:
		d.note(err.Error())
		return nil, nil
	}
	return &config.Directive{
		Generation: taken.Generation, Safe: taken.Action == profile.DirectSafeMode, BadHash: taken.BadHash, Reason: taken.Reason, By: taken.By,
	}, nil
}

// directors are the profiles that may leave a directive: those of the file, or
// when it cannot be read those of the last good generation. nil is every peer.
func (d *daemon) directors(gens config.Generations, loaded *config.Loaded, loadErr error) []string {
	if loadErr == nil {
		return loaded.Config.Rescue.Peers
	}
	if good, err := gens.LastGood(); err == nil {
		if l, err := config.FromGeneration(good, d.Profile.ConfigOptions()); err == nil {
			if cfg, _, err := gens.Tighten(l.Config, loaded, d.Profile.ConfigOptions()); err == nil {
				return cfg.Rescue.Peers
			}
			return []string{} // nobody, as nobody can be told from somebody
		}
	}
	return nil
}

// recordGeneration remembers the config that is about to run, and that it does.
func (d *daemon) recordGeneration(context.Context) error {
	gens, choice := config.NewGenerations(d.store), d.settings().choice
	var g config.Generation
	var err error
	switch choice.Source {
	case config.FromSafeMode:
		return nil // safe mode is no config of the user's
	case config.FromFallback:
		g, err = gens.Get(choice.Generation)
	default:
		g, err = gens.Record(choice.Loaded, choice.Source, time.Now())
	}
	if err != nil {
		return err
	}
	d.set(func(s *settings) { s.generation = g })
	if err := gens.Begin(g.N, d.boot, time.Now()); err != nil {
		return err
	}
	d.push("running generation", d.endGeneration)
	return nil
}

// endGeneration notes that the generation did not end by a crash. A store that
// has stopped writing has said so.
func (d *daemon) endGeneration() error {
	if d.store.Err() != nil {
		return nil
	}
	return config.NewGenerations(d.store).End()
}

// otherwise says how a start that failed goes on: on the last good generation,
// then in safe mode. It is nil for what is not the config's fault, for what fails
// on every config, and for a first config, whose owner sits before the terminal.
func (d *daemon) otherwise(err error) *restart {
	s := d.settings()
	if s.choice.Loaded == nil || d.trial.safe { // it failed before the config, or on none
		return nil
	}
	blame := isConfig(err)
	if d.trial.failed != nil || s.choice.Source == config.FromFallback {
		if !blame {
			return nil
		}
		d.note(fmt.Sprintf("the last good generation does not start either: %v", err))
		failed := d.trial.failed
		if failed == nil {
			failed = &failure{loaded: s.choice.Loaded, err: errors.New(s.choice.Reason)}
		}
		return &restart{trial{failed: failed, safe: true, notes: d.notes}}
	}
	good, goodErr := config.NewGenerations(d.store).LastGood()
	if s.choice.Source != config.FromFile || goodErr != nil || good.Hash == s.choice.Loaded.Hash && good.Env == s.choice.Loaded.Env {
		return nil
	}
	return &restart{trial{failed: &failure{s.choice.Loaded, cmp.Or(s.generation.N, d.trial.n), err, blame}, notes: d.notes}}
}

func isConfig(err error) bool {
	var refused *StartError
	return errors.As(err, &refused) && refused.Config
}

// condemn marks the config that made this life run another one, now that the
// other one runs: bad when it is to blame, else refused, to be tried again.
func (d *daemon) condemn() error {
	failed := d.trial.failed
	if failed == nil || !failed.bad && failed.n == 0 {
		return nil
	}
	gens := config.NewGenerations(d.store)
	if failed.n == 0 {
		g, err := gens.Record(failed.loaded, config.FromFile, time.Now())
		if err != nil {
			return err
		}
		failed.n = g.N
	}
	verdict := config.Refused
	if failed.bad {
		verdict = config.Bad
	}
	g, err := gens.Mark(failed.n, verdict, failed.err.Error())
	if err != nil {
		return err
	}
	d.announceConfig("rolled-back", g)
	return nil
}

// sayConfig tells which config runs and what is wrong with the file.
func (d *daemon) sayConfig() {
	s := d.settings()
	for _, w := range s.choice.Loaded.Warnings {
		d.log.Warn("config: " + w.String())
	}
	for _, t := range append(d.notes, s.tightened...) {
		d.log.Warn("config: " + t)
	}
	if s.choice.Source == config.FromFile {
		d.log.Info("config", "file", d.Profile.Env().Short(s.choice.Loaded.Path), "generation", s.generation.N, "verdict", string(s.generation.Verdict))
		d.announceConfig("applied", s.generation)
		return
	}
	d.log.Error("config refused: " + s.choice.Reason)
	d.announceConfig("refused", config.Generation{Verdict: config.Refused, Reason: s.choice.Reason})
	d.announceConfig("fallback", s.generation)
}

// announceConfig publishes what became of a config; one that was refused comes
// with its issues.
func (d *daemon) announceConfig(what string, g config.Generation) {
	s := d.settings()
	change := msg.ConfigChange{Generation: g.N, Source: string(s.choice.Source), Verdict: string(g.Verdict), Reason: g.Reason}
	if g.Verdict == config.Refused {
		change.Issues = s.issues
	}
	subj, err := d.Profile.Subjects().Config(what)
	var body []byte
	if err == nil {
		body, err = json.Marshal(change)
	}
	if err == nil {
		err = d.super.nc.Publish(subj, body)
	}
	if err != nil {
		d.log.Warn("announce config", "err", err)
	}
}

func issueLines(issues []config.Issue) []string {
	lines := make([]string, len(issues))
	for n, i := range issues {
		lines[n] = i.String()
	}
	return lines
}
