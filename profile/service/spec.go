package service

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Kind is a service manager, named as status shows it.
type Kind string

const (
	Systemd  Kind = "systemd"
	Launchd  Kind = "launchd"
	Schtasks Kind = "schtasks"
	Up       Kind = "up" // `clawdbot up` on any system, see Fleet
)

// Native is the manager of an operating system named as GOOS names it. Systems without one of the three get systemd, whose absence every
// operation reports as ErrNoManager.
func Native(goos string) Kind {
	switch goos {
	case "darwin":
		return Launchd
	case "windows":
		return Schtasks
	}
	return Systemd
}

// DefaultProfile stands for the profile without a name.
const DefaultProfile = "default"

// Spec says what a unit runs. Every value is written as it is: a space, %, $, quote or backslash reaches the gateway unchanged. Control
// characters are refused, and what a manager cannot express.
type Spec struct {
	Profile string            // DefaultProfile for the one without a name
	Exe     string            // absolute path of the clawdbot binary
	Args    []string          // such as --profile rescue gateway run
	Env     map[string]string // only what was set by hand: CLAWDBOT_STATE_DIR, CLAWDBOT_CONFIG_PATH; nil is the normal case
	Home    string            // absolute; the working folder
	LogDir  string            // absolute; launchd sends stdout and stderr there, the others have a log of their own or none
}

// Name is the name a profile's unit has in a service manager.
func Name(kind Kind, profile string) (string, error) {
	if !validProfile(profile) {
		return "", fmt.Errorf("profile %q: a name is 1 to 63 of a-z, 0-9 and -, and starts with a letter or digit", profile)
	}
	named := profile != DefaultProfile
	switch kind {
	case Launchd:
		if !named {
			return "com.clawdbot.gateway", nil
		}
		if profile == "gateway" {
			return "", errors.New("profile gateway: its launchd label com.clawdbot.gateway is the default profile's; choose another profile name")
		}
		return "com.clawdbot." + profile, nil
	case Schtasks:
		if !named {
			return "Clawdbot Gateway", nil
		}
		return "Clawdbot Gateway (" + profile + ")", nil
	case Up:
		return profile, nil
	default:
		if !named {
			return "clawdbot-gateway.service", nil
		}
		return "clawdbot-gateway-" + profile + ".service", nil
	}
}

// validProfile keeps a path or a quote out of unit names; package profile owns the rule and words it for people.
func validProfile(name string) bool {
	if name == "" || len(name) > 63 || name[0] == '-' {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// title is the profile's gateway in words.
func (s Spec) title() string {
	if s.Profile == DefaultProfile {
		return "Clawdbot Gateway"
	}
	return "Clawdbot Gateway (" + s.Profile + ")"
}

func (s Spec) validate(kind Kind) error {
	for _, p := range []struct{ what, path string }{{"executable", s.Exe}, {"home folder", s.Home}, {"log folder", s.LogDir}} {
		if !absolute(kind, p.path) {
			return fmt.Errorf("service unit: %s %q is not an absolute path", p.what, p.path)
		}
	}
	if kind == Systemd && strings.ContainsAny(s.Exe, `"'\\`) {
		return fmt.Errorf("service unit: executable %q: systemd starts no program with a quote or backslash in its path; move it", s.Exe)
	}
	texts := append([]string{s.Exe, s.Home, s.LogDir}, s.Args...)
	for key, value := range s.Env {
		if key == "" || strings.ContainsAny(key, "= \t\"'\\%") {
			return fmt.Errorf("service unit: %q is not the name of an environment variable", key)
		}
		texts = append(texts, key, value)
	}
	for _, text := range texts {
		if strings.ContainsFunc(text, unicode.IsControl) || strings.ToValidUTF8(text, "") != text {
			return fmt.Errorf("service unit: %q holds a control character or is not UTF-8", text)
		}
	}
	return nil
}

// absolute cannot be filepath.IsAbs: every kind renders on every system.
func absolute(kind Kind, path string) bool {
	if kind == Schtasks {
		return strings.HasPrefix(path, `\\`) || len(path) > 2 && path[1] == ':' && (path[2] == '\\' || path[2] == '/')
	}
	return strings.HasPrefix(path, "/")
}
