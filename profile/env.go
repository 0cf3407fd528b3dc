package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Env is all that clawdbot takes from its surroundings. Only this package
// reads the process environment and asks for the home folder.
type Env struct {
	Lookup func(key string) (string, bool)
	Home   string // absolute
	Exe    string // path of the running program, links resolved
}

// OSEnv returns the environment of this process. It returns an error when the
// system tells no home folder or no path of the running program; then only
// Lookup is set.
func OSEnv() (Env, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return Env{Lookup: os.LookupEnv}, fmt.Errorf("no home folder: %w", err)
	}
	exe, err := os.Executable()
	if err != nil {
		return Env{Lookup: os.LookupEnv}, fmt.Errorf("path of the running program: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(exe); err == nil {
		exe = resolved
	}
	return Env{Lookup: os.LookupEnv, Home: home, Exe: exe}, nil
}

// Get returns the variable's value, or "" when it is unset.
func (e Env) Get(key string) string {
	v, _ := e.Lookup(key)
	return v
}

// Bare is the environment without the variables CLAWDBOT_*, which speak of one
// profile and must not colour what is said of another.
func (e Env) Bare() Env {
	lookup := e.Lookup
	e.Lookup = func(key string) (string, bool) {
		if strings.HasPrefix(key, "CLAWDBOT_") {
			return "", false
		}
		return lookup(key)
	}
	return e
}

// Others returns the environment of this process without the variables
// CLAWDBOT_*, as KEY=value, for gateways of other profiles.
func Others() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "CLAWDBOT_") })
}

// Desktop returns what a program with a window needs of this process's
// environment, as KEY=value. Everything else stays here: the operator's keys
// for other services are often in it.
func Desktop() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return !slices.ContainsFunc([]string{
			"HOME", "PATH", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_", "TZ", "TMPDIR", "TMP", "TEMP", "FONTCONFIG_",
			"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_", "DBUS_SESSION_BUS_ADDRESS",
			"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES", "USERPROFILE",
		}, func(allowed string) bool {
			prefix := strings.HasSuffix(allowed, "_") && strings.HasPrefix(strings.ToUpper(key), allowed)
			return prefix || strings.EqualFold(key, allowed)
		})
	})
}

// Short is the path as people write it, with ~ for the home folder.
func (e Env) Short(path string) string {
	if rest, ok := strings.CutPrefix(path, e.Home+string(filepath.Separator)); ok {
		return "~" + string(filepath.Separator) + rest
	}
	return path
}

// xdg returns the XDG base folder in the variable, or home/fallback when it is
// unset or relative, which the XDG base directory specification says to ignore.
func (e Env) xdg(key string, fallback ...string) string {
	if v := e.Get(key); filepath.IsAbs(v) {
		return v
	}
	return filepath.Join(append([]string{e.Home}, fallback...)...)
}
