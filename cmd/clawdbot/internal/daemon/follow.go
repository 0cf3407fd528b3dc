package daemon

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

// follower is one goroutine that owns what becomes of the config while the
// gateway runs: a change is planned, swapped in, watched for its probation, and
// taken back when it does not prove itself.
type follower struct {
	*daemon
	gens   config.Generations
	seen   string       // mark of the files as they were looked at last
	proven *settings    // where a rollback leads; nil before the first proof
	result <-chan error // of the probation under way; nil when there is none
	need   time.Duration
	told   string // the last complaint that nothing could be done about
}

// followConfig runs the follower until ctx ends or a config takes a new start.
func (d *daemon) followConfig(ctx context.Context) error {
	f := &follower{daemon: d, gens: config.NewGenerations(d.store), seen: d.fileMark, need: d.trial.need}
	select {
	case <-ctx.Done():
		return nil
	case <-d.super.started:
	}
	if err := d.condemn(); err != nil {
		d.log.Error("generation not marked bad", "err", err)
	}
	if d.settings().generation.Verdict == config.Good {
		f.proven = d.settings()
	}
	f.result = d.super.prove(f.probation())
	watched := f.files()
	changed, stop := watchFiles(watched)
	defer func() { stop() }()
	missed := time.NewTicker(lookEvery)
	defer missed.Stop()
	var quiet <-chan time.Time // fires when no change came for gateway.reload.debounceMs
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			quiet = time.After(time.Duration(d.config().Gateway.Reload.DebounceMs) * time.Millisecond)
		case <-missed.C:
			if quiet == nil {
				err = f.look(ctx)
			}
		case <-quiet:
			quiet = nil
			err = f.look(ctx)
		case p := <-d.proposals:
			err = f.propose(ctx, p.loaded, &p)
		case proof := <-f.result:
			f.result = nil
			err = f.settle(ctx, proof)
		}
		if again := f.again(err); again != nil {
			return again
		}
		if now := f.files(); !slices.Equal(watched, now) {
			stop()
			watched = now
			changed, stop = watchFiles(now)
		}
	}
}

// lookEvery is how late a change is seen that the system did not tell of.
const lookEvery = 5 * time.Second

// again says of an error whether the gateway has to restart; others are told.
func (f *follower) again(err error) error {
	var restart *restartError
	if errors.As(err, &restart) {
		f.log.Info("restarting", "reason", restart.why)
		f.super.setPhase(msg.PhaseStopping, "restarting: "+restart.why)
		return restart
	}
	if err != nil {
		f.log.Error("config", "err", err)
	}
	return nil
}

func (f *follower) probation() time.Duration {
	if f.need == 0 {
		return probationTime
	}
	return f.need
}

// files are those whose change may change the config.
func (f *follower) files() []string {
	list := []string{f.Profile.ConfigPath, f.Profile.DotEnv()}
	for _, path := range f.settings().choice.Loaded.Files {
		if !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	return list
}

// look takes up a file that changed. What runs stays until the new one is known
// to be usable.
func (f *follower) look(ctx context.Context) error {
	loaded, err := f.Profile.Load()
	var invalid *config.Error
	if err != nil && !errors.As(err, &invalid) {
		return err
	}
	mark := f.mark(loaded)
	if mark == f.seen {
		return nil
	}
	f.seen = mark
	if invalid != nil {
		f.refuse(err.Error(), issueLines(invalid.Issues))
		return nil
	}
	if !loaded.Exists && f.settings().choice.Loaded.Exists {
		f.refuse("the config file is gone", nil)
		return nil
	}
	if f.runs(loaded) {
		f.now.Store(f.settings().with(func(s *settings) { s.refused, s.issues = "", nil }))
		return nil
	}
	bad, known, err := f.gens.Bad(loaded.Hash)
	if err != nil {
		return err
	}
	if known {
		f.refuse(fmt.Sprintf("%s was bad and is not tried again: %s; edit it, or try it by hand with: %s",
			bad, bad.Reason, f.Profile.Command("config apply")), nil)
		return nil
	}
	return f.propose(ctx, loaded, nil)
}

// mark tells one state of the config's files from another. The .env file counts,
// though it is no part of a generation.
func (d *daemon) mark(l *config.Loaded) string {
	env, _ := config.ReadFile(d.Profile.DotEnv()) // one that is not there is empty
	return fmt.Sprintf("%s %x", l.Hash, sha256.Sum256(env))
}

// runs says whether a config is the one that runs, text and values.
func (f *follower) runs(l *config.Loaded) bool {
	now := f.settings().choice
	return now.Source == config.FromFile && now.Loaded.Hash == l.Hash && len(config.Plan(now.Loaded, l)) == 0
}

// refuse keeps what runs and tells why the file is not it.
func (f *follower) refuse(why string, issues []string) {
	now := f.settings()
	next := now.with(func(s *settings) {
		s.refused = fmt.Sprintf("the changed file is refused: %s; generation %d still runs", why, now.generation.N)
		s.issues = issues
	})
	f.now.Store(next)
	f.log.Error("config refused: " + next.refused)
	f.announceConfig("refused", config.Generation{Verdict: config.Refused, Reason: why})
}
