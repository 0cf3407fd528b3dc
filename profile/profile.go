// Package profile turns a profile's name into every path, port and name that
// belongs to it, so that two profiles on a host share nothing.
package profile

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"clawdbot/bus/subject"
)

// Default is the name of the unnamed profile; dev is what --dev stands for.
const (
	Default = "default"
	Dev     = "dev"
)

// ErrName says that a string cannot name a profile.
var ErrName = errors.New("bad profile name")

const namePattern = `^[a-z0-9][a-z0-9-]{0,62}$`

// Flags are the global command line flags that choose a profile.
type Flags struct {
	Profile string // "" when not given
	Dev     bool
}

// Setting tells who won one setting and why.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"` // flag, environment, config, registry, default
	Why   string `json:"why"`
}

// Profile is one gateway's identity: every path and name follows from it.
// Make one with Resolve.
type Profile struct {
	Name       string // Default for the unnamed one
	StateDir   string
	ConfigPath string
	Workspace  string // unless the config names another
	Registry   Registry
	Settings   []Setting
	Warnings   []string // one sentence each

	env Env
}

// Resolve returns the profile that the flags and the environment choose.
// It returns ErrName for a bad name and an error for contradicting flags.
func Resolve(f Flags, env Env) (Profile, error) {
	name, from, why := Default, "default", "no --profile and no CLAWDBOT_PROFILE"
	switch {
	case f.Dev && f.Profile != "" && f.Profile != Dev:
		return Profile{}, fmt.Errorf("%w: --dev is the profile %q and --profile says %q: give one of them", ErrName, Dev, f.Profile)
	case f.Dev:
		name, from, why = Dev, "flag", "--dev"
	case f.Profile != "":
		name, from, why = f.Profile, "flag", "--profile"
	case env.Get("CLAWDBOT_PROFILE") != "":
		name, from, why = env.Get("CLAWDBOT_PROFILE"), "environment", "CLAWDBOT_PROFILE"
	}
	if !regexp.MustCompile(namePattern).MatchString(name) {
		return Profile{}, fmt.Errorf("%w %q: use 1 to 63 of a-z, 0-9 and -, not starting with -", ErrName, name)
	}
	p := named(name, env)
	p.Settings = []Setting{{"profile", name, from, why}}
	byFlag := from == "flag"
	p.StateDir = p.path("stateDir", "CLAWDBOT_STATE_DIR", p.StateDir, byFlag)
	p.ConfigPath = p.path("configPath", "CLAWDBOT_CONFIG_PATH", filepath.Join(p.StateDir, "clawdbot.json"), byFlag)
	if byFlag && env.Get("CLAWDBOT_GATEWAY_TOKEN") != "" {
		p.Warnings = append(p.Warnings, fmt.Sprintf("CLAWDBOT_GATEWAY_TOKEN is ignored by client commands: --profile %s was given, so they present the token in %s", name, p.TokenFile()))
	}
	p.Settings = append(p.Settings, Setting{"workspace", p.Workspace, "default", "agents.defaults.workspace may name another"})
	return p, nil
}

// named returns the profile as its name alone says.
func named(name string, env Env) Profile {
	suffix := ""
	if name != Default {
		suffix = "-" + name
	}
	state := filepath.Join(env.Home, ".clawdbot"+suffix)
	return Profile{
		Name:       name,
		StateDir:   state,
		ConfigPath: filepath.Join(state, "clawdbot.json"),
		Workspace:  filepath.Join(env.Home, "clawd"+suffix),
		Registry:   Registry{dir: filepath.Join(env.xdg("XDG_STATE_HOME", ".local", "state"), "clawdbot", "instances")},
		env:        env,
	}
}

// path returns the variable's folder or file unless --profile was given, and
// notes who won. A variable that a flag overrules is named in a warning: one
// that silently sends a command to the wrong gateway costs people days.
func (p *Profile) path(setting, variable, byName string, byFlag bool) string {
	v := p.env.Get(variable)
	switch {
	case v == "":
		p.Settings = append(p.Settings, Setting{setting, byName, "default", "follows from the profile's name"})
		return byName
	case byFlag:
		p.Warnings = append(p.Warnings, fmt.Sprintf("%s=%s is ignored: --profile %s was given", variable, v, p.Name))
		p.Settings = append(p.Settings, Setting{setting, byName, "flag", "--profile wins over " + variable})
		return byName
	}
	abs := v
	if rest, ok := strings.CutPrefix(v, "~/"); ok {
		abs = filepath.Join(p.env.Home, rest)
	} else if a, err := filepath.Abs(v); err == nil {
		abs = a
	}
	p.Settings = append(p.Settings, Setting{setting, abs, "environment", variable})
	return abs
}

// Bus is the profile's name on the bus; the unnamed profile is main.
func (p Profile) Bus() string { return BusName(p.Name) }

// BusName is the bus name of the profile with that name.
func BusName(profile string) string {
	if profile == Default {
		return "main"
	}
	return profile
}

// Subjects is the profile's subject space.
func (p Profile) Subjects() subject.Space {
	sp, err := subject.New(p.Bus())
	if err != nil { // a checked profile name always is a token
		panic(err)
	}
	return sp
}

// Flag is how a command line chooses this profile, with a leading space, as in
// "clawdbot" + p.Flag() + " status". It is empty for the unnamed profile.
func (p Profile) Flag() string {
	if p.Name == Default {
		return ""
	}
	return " --profile " + p.Name
}

// Command is a command line for this profile, for hints: Command("status") is
// "clawdbot --profile rescue status".
func (p Profile) Command(args string) string { return "clawdbot" + p.Flag() + " " + args }

// ByHand says that the environment moved the state folder or the config.
func (p Profile) ByHand() bool {
	byName := named(p.Name, p.env)
	return p.StateDir != byName.StateDir || p.ConfigPath != byName.ConfigPath
}

// The layout of the state folder. Every file in it is 0600, every folder 0700.

// StoreDir is the Pebble store.
func (p Profile) StoreDir() string { return filepath.Join(p.StateDir, "store") }

// ApprovalsFile says which commands may be run without a question.
func (p Profile) ApprovalsFile() string { return filepath.Join(p.StateDir, "exec-approvals.json") }

// TLSDir holds the certificate that the gateway made for itself.
func (p Profile) TLSDir() string { return filepath.Join(p.StateDir, "tls") }

// CheckpointDir holds the store's checkpoints.
func (p Profile) CheckpointDir() string { return filepath.Join(p.StateDir, "checkpoints") }

// LogFile is the gateway's log, JSON lines, unless logging.file names another.
func (p Profile) LogFile() string { return filepath.Join(p.StateDir, logFile) }

// Names in the state folder and the workspace.
const (
	logFile = "logs/gateway.log"
	dotEnv  = ".env"
	// CanvasFolder is the canvas in the workspace, unless canvasHost.root names another.
	CanvasFolder = "canvas"
)

// BusKey holds the password of one of the bus users debug and ingress.
func (p Profile) BusKey(user string) string { return filepath.Join(p.StateDir, "bus", user+".key") }

// BrowserDir holds the user data folders of the browser profiles.
func (p Profile) BrowserDir() string { return filepath.Join(p.StateDir, "browser") }

// ExtensionDir is where the browser extension is installed for Chrome to load.
func (p Profile) ExtensionDir() string { return filepath.Join(p.StateDir, "extension") }

// TokenFile holds the gateway's token when the config has none.
func (p Profile) TokenFile() string { return filepath.Join(p.StateDir, "gateway.token") }

// DotEnv is the profile's own .env file; there is no other.
func (p Profile) DotEnv() string { return filepath.Join(p.StateDir, dotEnv) }

// ExpandHome turns a leading ~/ of a configured path into the home folder.
func (p Profile) ExpandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(p.env.Home, rest)
	}
	return path
}

// NATSDir is where the NATS tools keep their contexts.
func (p Profile) NATSDir() string {
	return filepath.Join(p.env.xdg("XDG_CONFIG_HOME", ".config"), "nats")
}

// Env returns the environment the profile was resolved in.
func (p Profile) Env() Env { return p.env }
