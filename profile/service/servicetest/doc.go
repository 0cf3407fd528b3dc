// Package servicetest runs a real user instance of systemd for tests, also where systemd is not PID 1: with a folder for sockets, a home
// folder, a session D-Bus and control groups of its own. Nothing of the machine's own services is touched, and nothing stays behind.
package servicetest

// Env is the environment in which the private systemd is the user's service manager.
type Env struct {
	Home       string // HOME of the manager and its units
	ConfigHome string // XDG_CONFIG_HOME: units are looked for in systemd/user under it
	RuntimeDir string // XDG_RUNTIME_DIR
	path       string
}

// Getenv looks a variable up; the shape is os.Getenv's.
func (e *Env) Getenv(key string) string { return e.vars()[key] }

// Environ lists all variables as KEY=value, for exec.Cmd or testscript.
func (e *Env) Environ() []string {
	var list []string
	for key, value := range e.vars() {
		list = append(list, key+"="+value)
	}
	return list
}

func (e *Env) vars() map[string]string {
	return map[string]string{
		"PATH":                     e.path,
		"HOME":                     e.Home,
		"XDG_CONFIG_HOME":          e.ConfigHome,
		"XDG_RUNTIME_DIR":          e.RuntimeDir,
		"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + e.RuntimeDir + "/bus",
	}
}
