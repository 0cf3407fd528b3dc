// Package setup makes a profile ready to run: its folders, config, credentials,
// block of ports and NATS context. What is there already stays as it is.
package setup

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clawdbot/bus"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
)

// ErrFolder says that a folder cannot be made or takes no files.
var ErrFolder = errors.New("no place for the profile")

// Options are a person's wishes. The zero value of each keeps what the config
// says, or the default.
type Options struct {
	Port      int    // base port
	Workspace string // folder; ~/ and relative paths are understood
	Bind      string // as gateway.bind
	Verb      string // the command that hints name; "" is setup
}

// ErrNameTaken says that a gateway runs under the profile's name, with another
// state folder.
var ErrNameTaken = errors.New("the profile's name is taken")

// PortError says that the ports of a base cannot be had. Try is the command
// that helps.
type PortError struct {
	Err  error
	Busy bool // somebody listens on one now; else they are another profile's
	Try  string
}

func (e *PortError) Error() string { return e.Err.Error() }
func (e *PortError) Unwrap() error { return e.Err }

// OptionError says that an option makes no sense. Try is the command that
// helps, or "".
type OptionError struct {
	Err error
	Try string
}

func (e *OptionError) Error() string { return e.Err.Error() }
func (e *OptionError) Unwrap() error { return e.Err }

// BusNameError says that another profile has the profile's name on the bus. Try
// is the command that helps.
type BusNameError struct {
	Err error
	Try string
}

func (e *BusNameError) Error() string { return e.Err.Error() }
func (e *BusNameError) Unwrap() error { return e.Err }

// Result is a profile that is set up.
type Result struct {
	Profile     string      `json:"profile"`
	ConfigPath  string      `json:"configPath"`
	StateDir    string      `json:"stateDir"`
	Workspace   string      `json:"workspace"`
	Ports       ports.Ports `json:"ports"`
	NATSContext string      `json:"natsContext"`
	// ContextSelected says that the NATS tools take the context without being told.
	ContextSelected bool     `json:"contextSelected"`
	Created         []string `json:"created"` // paths, in the order made
	Changed         []string `json:"changed"` // config keys, and paths that were there before
	Unchanged       bool     `json:"unchanged"`
	Running         bool     `json:"running"` // its gateway runs
	Restart         bool     `json:"restart"` // the gateway runs, and takes the change when it is started again
	Warnings        []string `json:"warnings"`
}

// Run sets the profile up. It returns an *OptionError for an option that makes
// no sense, a *PortError for a base that cannot be had, a *config.Error for a
// config that is there and cannot be used, a *BusNameError for a name on the bus
// that another profile has, profile.ErrPort for a port setting of
// the environment, ports.ErrNoBlock, ErrNameTaken and ErrFolder.
func Run(p profile.Profile, opts Options) (Result, error) {
	r := run{Profile: p, opts: opts, result: Result{
		Profile: p.Name, ConfigPath: p.ConfigPath, StateDir: p.StateDir,
		Created: []string{}, Changed: []string{}, Warnings: []string{},
	}}
	checkName := func() error { return CheckName(p) }
	for _, step := range []func() error{r.checkOptions, checkName, r.folder, r.load, r.register, r.credentials, r.context} {
		if err := step(); err != nil {
			r.withdraw()
			return Result{}, err
		}
	}
	r.result.Unchanged = len(r.result.Created)+len(r.result.Changed) == 0
	r.result.Running = r.running
	r.result.Restart = r.running && len(r.result.Changed) > 0
	for _, w := range r.loaded.Warnings {
		r.result.Warnings = append(r.result.Warnings, w.String())
	}
	return r.result, nil
}

// withdraw removes the folders that were made for nothing: a set-up that was
// refused leaves none behind. A folder that holds something stays.
func (r *run) withdraw() {
	for i := len(r.result.Created) - 1; i >= 0; i-- {
		if info, err := os.Lstat(r.result.Created[i]); err == nil && info.IsDir() {
			_ = os.Remove(r.result.Created[i])
		}
	}
}

// run is one set-up under way.
type run struct {
	profile.Profile
	opts    Options
	loaded  *config.Loaded
	running bool        // a gateway of the profile runs
	live    ports.Ports // those of the gateway that runs, else those of the result
	result  Result
}

func (r *run) checkOptions() error {
	if r.opts.Port != 0 {
		if _, err := ports.Derive(r.opts.Port); err != nil {
			return &OptionError{fmt.Errorf("--port: %w", err), "clawdbot ports"}
		}
	}
	if b := r.opts.Bind; b != "" && !slices.Contains([]string{"loopback", "lan", "tailnet", "auto"}, b) {
		return &OptionError{fmt.Errorf("--bind %s: must be one of loopback, lan, tailnet, auto", b), ""}
	}
	if r.opts.Workspace == "" {
		return nil
	}
	abs, err := filepath.Abs(r.ExpandHome(r.opts.Workspace))
	if err != nil {
		return err
	}
	r.opts.Workspace = abs
	return nil
}

// CheckName refuses, with a *BusNameError, a profile whose name on the bus another
// one has: the two would take each other's subjects, links and NATS context.
func CheckName(p profile.Profile) error {
	rival, taken, err := p.Rival()
	if err != nil || !taken {
		return err
	}
	return &BusNameError{
		fmt.Errorf("profile %s cannot be set up: its name on the bus would be %s, which profile %s has", p.Name, p.Bus(), rival.Profile),
		profile.Profile{Name: rival.Profile}.Command("status"),
	}
}

// folder makes the state folder and proves that it takes files.
func (r *run) folder() error {
	if err := r.makeFolder(r.StateDir); err != nil {
		return fmt.Errorf("%w: state folder %s cannot be made: %w", ErrFolder, r.StateDir, err)
	}
	probe, err := os.CreateTemp(r.StateDir, ".probe-*")
	if err != nil {
		return fmt.Errorf("%w: state folder %s is not writable: %w", ErrFolder, r.StateDir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func (r *run) makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	r.created(dir)
	return nil
}

func (r *run) created(path string) { r.result.Created = append(r.result.Created, path) }

func (r *run) load() (err error) {
	r.loaded, err = r.Load()
	return err
}

// errSame ends an update of the registry that would change nothing.
var errSame = errors.New("nothing to change")

// register chooses the ports, writes the config and enters the profile in the
// host registry, all under the registry's lock: two set-ups at a time must not
// get one block.
func (r *run) register() error {
	_, err := r.Registry.Update(func(all []profile.Instance) (profile.Instance, error) {
		next, before, err := r.instance(all)
		if err != nil {
			return next, err
		}
		set, err := r.choosePorts()
		if err != nil {
			return next, err
		}
		if err := r.writeConfig(set.Gateway); err != nil {
			return next, err
		}
		next.Workspace = r.workspace()
		if !r.running { // else the registry holds the ports that are live
			next.Ports = set
		}
		r.live = next.Ports
		r.result.Ports, r.result.Workspace = set, next.Workspace
		if before && next == known(all, r.Name) {
			return next, errSame
		}
		if before {
			r.result.Changed = append(r.result.Changed, "registry")
		}
		return next, nil
	})
	if errors.Is(err, errSame) {
		err = nil
	}
	if err != nil {
		return err
	}
	if err := r.makeFolder(r.result.Workspace); err != nil {
		return fmt.Errorf("%w: workspace %s cannot be made: %w", ErrFolder, r.result.Workspace, err)
	}
	return nil
}

// instance is the profile's entry in the registry as it was, or a new one.
func (r *run) instance(all []profile.Instance) (next profile.Instance, before bool, err error) {
	old := known(all, r.Name)
	switch {
	case old.Is(r.Profile):
		next, r.running = old, old.Alive()
	case old.Profile != "" && old.Alive():
		return next, false, fmt.Errorf("%w: profile %s runs with another state folder, %s (pid %d)",
			ErrNameTaken, r.Name, old.StateDir, old.Process.PID)
	}
	next.Profile, next.Bus, next.ConfigPath, next.StateDir = r.Name, r.Bus(), r.ConfigPath, r.StateDir
	return next, old.Is(r.Profile), nil
}

func known(all []profile.Instance, name string) profile.Instance {
	if n := slices.IndexFunc(all, func(i profile.Instance) bool { return i.Profile == name }); n >= 0 {
		return all[n]
	}
	return profile.Instance{}
}

// choosePorts plans the ports. A base that a person asks for, and one for a
// config that does not exist yet, must be free.
func (r *run) choosePorts() (ports.Ports, error) {
	set, _, err := r.PlanPorts(r.loaded.Config, r.opts.Port)
	if err != nil {
		return set, err
	}
	if r.opts.Port == 0 && r.loaded.Exists {
		return set, nil
	}
	return set, r.free(set)
}

// CheckBase says why the base port of the options cannot be the profile's, with
// an *OptionError or a *PortError. It changes nothing.
func CheckBase(p profile.Profile, opts Options) error {
	r := run{Profile: p, opts: opts}
	if err := r.checkOptions(); err != nil {
		return err
	}
	if err := r.load(); err != nil {
		return err
	}
	set, _, err := r.PlanPorts(r.loaded.Config, opts.Port)
	if err != nil {
		return err
	}
	return r.free(set)
}

// free refuses a set of ports that another profile has or that is in use.
func (r *run) free(set ports.Ports) error {
	if old, err := r.Registry.Get(r.Name); err == nil && old.Is(r.Profile) && old.Ports.Gateway == set.Gateway {
		return nil // it is the profile's own block
	}
	others, err := r.Known()
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.Is(r.Profile) || o.Ports.Gateway == 0 {
			continue
		}
		if overlaps := set.Overlaps(o.Ports); len(overlaps) > 0 {
			first := overlaps[0]
			return r.taken(false, "port %d cannot be the base: %s would share port %s with %s of profile %s",
				set.Gateway, first.Mine, first.Port, first.Theirs, o.Profile)
		}
	}
	for _, l := range set.Listeners() {
		if !profile.InUse(l.Port) {
			continue
		}
		info, err := r.ExplainPort(l.Port)
		if err != nil {
			return err
		}
		if info.Profile != r.Name || info.State != profile.PortHeld {
			return r.taken(true, "port %d cannot be the base: %s would need a port that is in use: %s", set.Gateway, l.Component, info.Summary)
		}
	}
	return nil
}

// taken is the refusal of a base port, with one that is free.
func (r *run) taken(busy bool, format string, args ...any) error {
	taken := fmt.Errorf(format, args...)
	free, err := r.NextBase()
	if err != nil {
		return errors.Join(taken, err)
	}
	return &PortError{taken, busy, r.Command(fmt.Sprintf("%s --port %d", cmp.Or(r.opts.Verb, "setup"), free))}
}

func (r *run) workspace() string {
	if w := r.loaded.Config.Agents.Defaults.Workspace; w != "" {
		return r.ExpandHome(w)
	}
	return r.Workspace
}

// credentials makes the secrets that the bus users present, and the gateway's
// token when neither the config nor the environment has a credential.
func (r *run) credentials() error {
	files := []string{r.BusKey(bus.UserDebug), r.BusKey(bus.UserIngress)}
	auth := r.loaded.Config.Gateway.Auth
	if auth.Token == "" && auth.Password == "" && !r.ConfigOptions().HasCredential {
		files = append(files, r.TokenFile())
	}
	for _, file := range files {
		_, err := os.Stat(file)
		missing := errors.Is(err, fs.ErrNotExist)
		if _, err := profile.Secret(file); err != nil {
			return err
		}
		if missing {
			r.created(file)
		}
	}
	return nil
}

// context writes the context for the NATS tools.
func (r *run) context() error {
	password, err := profile.Secret(r.BusKey(bus.UserDebug))
	if err != nil {
		return err
	}
	r.result.NATSContext = bus.ContextName(r.Bus())
	file := filepath.Join(r.NATSDir(), "context", r.result.NATSContext+".json")
	before, err := os.ReadFile(file)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	selected, err := bus.WriteContext(r.NATSDir(), r.Bus(), r.live.Bus, password)
	if err != nil {
		return err
	}
	after, err := os.ReadFile(file)
	switch {
	case err != nil:
		return err
	case missing:
		r.created(file)
	case !bytes.Equal(before, after):
		r.result.Changed = append(r.result.Changed, file)
	}
	choice := filepath.Join(r.NATSDir(), "context.txt")
	if selected {
		r.created(choice)
	}
	current, err := os.ReadFile(choice)
	r.result.ContextSelected = strings.TrimSpace(string(current)) == r.result.NATSContext
	return err
}
