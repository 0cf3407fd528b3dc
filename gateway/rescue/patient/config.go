package patient

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/store"
)

// Owner is the profile that an instance belongs to, as the registry knows it and
// without what env says of the profile that this process belongs to.
func Owner(env profile.Env, peer profile.Instance) (profile.Profile, error) {
	p, err := profile.Resolve(profile.Flags{Profile: peer.Profile}, env.Bare())
	p.StateDir, p.ConfigPath, p.Workspace = peer.StateDir, peer.ConfigPath, peer.Workspace
	return p, err
}

// LoadConfig is Profile.Load for a profile whose gateway may have been given
// credentials in an environment that is not known here.
func LoadConfig(p profile.Profile) (*config.Loaded, error) {
	o := p.ConfigOptions()
	o.HasCredential = true
	return config.Load(o)
}

// LogFile is where the profile's gateway logs, also when its config cannot be used.
func LogFile(p profile.Profile) string {
	if loaded, _ := LoadConfig(p); loaded != nil {
		if path, ok, _ := loaded.Lookup("logging.file"); ok {
			if s, ok := path.(string); ok && s != "" {
				return p.ExpandHome(s)
			}
		}
	}
	return p.LogFile()
}

// peekGenerations reads the generations of a profile from its store, whether its
// gateway runs or not. With an error they may not be all.
func peekGenerations(p profile.Profile) ([]config.Generation, error) {
	s, look, err := store.Peek(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir()})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("profile %s has none yet", p.Name)
	}
	if err != nil {
		return nil, err
	}
	list, err := config.NewGenerations(s).List()
	return list, errors.Join(look.Damage, err, s.Close())
}

// HasGeneration returns config.ErrNoGeneration when the peer's store, which is
// read beside its gateway, does not have the generation.
func (h *Hands) HasGeneration(peer profile.Instance, n uint64) error {
	p, err := Owner(h.own.Env(), peer)
	if err != nil {
		return err
	}
	s, look, err := store.Peek(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir()})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w %d: there is no store", config.ErrNoGeneration, n)
	}
	if err != nil {
		return fmt.Errorf("generation %d of profile %s: %w", n, p.Name, err)
	}
	_, err = config.NewGenerations(s).Get(n)
	return errors.Join(err, look.Damage, s.Close())
}

// Compare tells what a gateway ran last, as far as its generations tell, and how
// the file as it is now differs from the last good one, and the file's hash, ""
// when it cannot be read. The last good one is another than the file, when there
// is one: what a gateway that fails on its file can go back to. The generations
// come the oldest first.
func Compare(p profile.Profile, list []config.Generation) (state msg.ConfigState, hash string) {
	loaded, err := LoadConfig(p)
	state.Issues = issues(err)
	name := filepath.Base(p.ConfigPath)
	if loaded == nil {
		loaded = &config.Loaded{Exists: true}
	}
	if !loaded.Exists {
		state.Issues = append(state.Issues, name+" is missing")
	}
	var good config.Generation
	for _, g := range list {
		switch {
		case g.Verdict == config.Good && (g.Hash != loaded.Hash || good.N == 0):
			good, state.LastGood = g, g.N
		case g.Verdict == config.Bad && g.Hash == loaded.Hash:
			state.Issues = append(state.Issues, fmt.Sprintf("%s is generation %d, which is bad: %s", name, g.N, g.Reason))
		}
		if g.Verdict == config.Good || g.Verdict == config.Probation { // after a bad one, an earlier one ran
			state.Generation, state.Source, state.Verdict, state.Reason = g.N, string(g.Source), string(g.Verdict), g.Reason
		}
	}
	if good.N != 0 && loaded.Text != nil {
		state.Diff = config.Diff(fmt.Sprintf("generation %d", good.N), good.Text(), name, loaded.Text)
	}
	return state, loaded.Hash
}

// issues are the sentences of what Load returned.
func issues(err error) []string {
	var invalid *config.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &invalid):
		return []string{err.Error()}
	}
	list := make([]string, len(invalid.Issues))
	for n, i := range invalid.Issues {
		list[n] = i.String()
	}
	return list
}
