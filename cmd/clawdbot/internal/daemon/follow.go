package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"clawdbot/profile/config"
)

// follower is one goroutine that owns what becomes of the config while the
// gateway runs: a change is planned, swapped in, watched for its probation, and
// taken back when it does not prove itself.
type follower struct {
	*daemon
	gens   config.Generations
	seen   string         // mark of the files as they were looked at last
	base   *settings      // the last ones that were proven, where a rollback leads; nil before the first proof
	newest *config.Loaded // the user's last word, below which a rollback must not weaken anything
	result <-chan error   // of the probation under way; nil when there is none
	need   time.Duration
	told   string // the last complaint that nothing could be done about
}

// followConfig runs the follower until ctx ends or a config takes a new start.
func (d *daemon) followConfig(ctx context.Context) error {
	now := d.settings()
	f := &follower{daemon: d, gens: config.NewGenerations(d.store), seen: d.fileMark, newest: now.choice.Loaded, need: d.trial.need}
	if now.generation.Verdict == config.Good {
		f.base = now
	}
	f.prove(d.componentNames())
	watched := f.files()
	changed, stop := watchFiles(watched)
	defer func() { stop() }()
	missed := time.NewTicker(lookEvery)
	defer missed.Stop()
	started := d.super.started
	var quiet <-chan time.Time // fires when no change came for gateway.reload.debounceMs
	for {
		select {
		case <-d.leaving: // before anything else that waits
			return nil
		default:
		}
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-d.leaving:
			return nil
		case <-started:
			started = nil
			err = d.condemn()
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
		if err != nil && ctx.Err() == nil {
			f.log.Error("config", "err", err)
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

// prove begins the probation of what runs now; rebuilt are the components that
// it gave new lives.
func (f *follower) prove(rebuilt []string) {
	need := f.need
	if need == 0 {
		need = probationTime
	}
	f.result = f.super.prove(&healthTrial{need: need, rebuilt: rebuilt, worked: f.asking.worked})
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
// to load.
func (f *follower) look(ctx context.Context) error {
	loaded, err := f.Profile.Load()
	if loaded == nil { // it cannot be read
		if f.seen != err.Error() {
			f.seen = err.Error()
			f.refuse(err.Error(), nil)
		}
		return nil
	}
	if mark(loaded) == f.seen {
		return nil
	}
	f.seen, f.newest = mark(loaded), loaded
	if err != nil {
		f.refuse(err.Error(), issueLines(loaded.Issues))
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
	bad, known, err := f.gens.Bad(loaded)
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

// mark tells one state of the config's files from another.
func mark(l *config.Loaded) string { return l.Hash + " " + l.Env }

// runs says whether a config is the one that runs.
func (f *follower) runs(l *config.Loaded) bool {
	now := f.settings().choice
	return now.Source == config.FromFile && mark(now.Loaded) == mark(l)
}

// refuse keeps what runs and tells why the file is not it.
func (f *follower) refuse(why string, issues []string) {
	now := f.settings()
	next := now.with(func(s *settings) {
		s.refused = fmt.Sprintf("the changed file is refused: %s; %s still runs", why, now.name())
		s.issues = issues
	})
	f.now.Store(next)
	f.log.Error("config refused: " + next.refused)
	f.announceConfig("refused", config.Generation{Verdict: config.Refused, Reason: why})
}
