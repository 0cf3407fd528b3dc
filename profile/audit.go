package profile

import (
	"fmt"
	"path/filepath"
	"strings"

	"clawdbot/profile/ports"
)

// Overlap is something that two profiles share and must not.
type Overlap struct {
	What   string `json:"what"` // port, configPath, stateDir, workspace, bus, unit
	Value  string `json:"value"`
	A      string `json:"a"` // the two profiles
	B      string `json:"b"`
	Detail string `json:"detail"`
	Try    string `json:"try"`
}

// Audit returns everything that any two profiles of the host share: paths,
// ports, names on the bus and units. None means that they are isolated.
func Audit(known []Instance) []Overlap {
	var found []Overlap
	for n, a := range known {
		for _, b := range known[n+1:] {
			found = append(found, auditPair(a, b)...)
		}
	}
	return found
}

func auditPair(a, b Instance) []Overlap {
	var found []Overlap
	for _, x := range a.places() {
		for _, y := range b.places() {
			if o, ok := sharedPlace(a, b, x, y); ok {
				found = append(found, o)
			}
		}
	}
	same := func(what, x, y, try string) {
		if x != "" && x == y {
			found = append(found, Overlap{what, x, a.Profile, b.Profile, fmt.Sprintf("%s and %s share the %s %s", a.Profile, b.Profile, what, x), try})
		}
	}
	same("bus name", a.Bus, b.Bus, "clawdbot --profile <another name> setup")
	same("unit", a.Unit, b.Unit, commandFor(b.Profile, "gateway install --force"))
	if a.Ports.Gateway == 0 || b.Ports.Gateway == 0 {
		return found
	}
	for _, o := range a.Ports.Overlaps(b.Ports) {
		found = append(found, Overlap{
			What: "port", Value: o.Port, A: a.Profile, B: b.Profile,
			Detail: fmt.Sprintf("%s (%s) and %s (%s) share port %s", a.Profile, o.Mine, b.Profile, o.Theirs, o.Port),
			Try:    fmt.Sprintf("%s, at least %d away from %d", commandFor(b.Profile, "config set gateway.port <base>"), ports.Step, a.Ports.Gateway),
		})
	}
	return found
}

// place is a file or folder of a profile, and the arguments that move it.
type place struct{ what, path, move string }

func (i Instance) places() []place {
	return []place{
		{"state folder", i.StateDir, "setup"},
		{"config file", i.ConfigPath, "setup"},
		{"workspace", i.Workspace, "config set agents.defaults.workspace '\"~/clawd-" + i.Profile + "\"'"},
		{"log file", i.LogFile, "config unset logging.file"},
		{"canvas root", i.CanvasRoot, "config unset canvasHost.root"},
	}
}

// sharedPlace tells of two places of which one is the other or lies in it. What
// follows from a folder that is shared itself is not told again.
func sharedPlace(a, b Instance, x, y place) (Overlap, bool) {
	inside := func(folder string) bool { return within(x.path, folder) || within(y.path, folder) }
	follows := a.StateDir == b.StateDir && inside(a.StateDir) || a.Workspace == b.Workspace && inside(a.Workspace)
	if x.path == "" || y.path == "" || follows {
		return Overlap{}, false
	}
	o := Overlap{What: y.what, Value: y.path, A: a.Profile, B: b.Profile, Try: commandFor(b.Profile, y.move)}
	switch {
	case x.path == y.path && x.what == y.what:
		o.Detail = fmt.Sprintf("%s and %s share the %s %s", a.Profile, b.Profile, x.what, x.path)
	case x.path == y.path:
		o.Detail = fmt.Sprintf("%s of %s and %s of %s are both %s", x.what, a.Profile, y.what, b.Profile, x.path)
	case within(y.path, x.path):
		o.Detail = fmt.Sprintf("%s of %s, %s, lies in %s of %s", y.what, b.Profile, y.path, x.what, a.Profile)
	case within(x.path, y.path):
		o.Detail = fmt.Sprintf("%s of %s, %s, lies in %s of %s", x.what, a.Profile, x.path, y.what, b.Profile)
	default:
		return Overlap{}, false
	}
	return o, true
}

func within(path, folder string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(folder, string(filepath.Separator))+string(filepath.Separator))
}
