package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"clawdbot/profile/config"
)

var (
	// ErrNoManager means that no service manager answers for this user, as in a container. `clawdbot up` is the way out.
	ErrNoManager = errors.New("no service manager")
	// ErrNotInstalled means that the manager does not know the unit.
	ErrNotInstalled = errors.New("not installed")
	// ErrForeign means that the unit's file was not written by clawdbot; force overrides it.
	ErrForeign = errors.New("not written by clawdbot")
)

// mark stands in every file that Install writes.
const mark = "Written by clawdbot gateway install, which also replaces it."

// File is a unit as text.
type File struct {
	Path    string
	Content string
}

// Action is what Install or Uninstall did.
type Action string

const (
	Created   Action = "created"
	Changed   Action = "changed"
	Unchanged Action = "unchanged"
	Removed   Action = "removed"
	Absent    Action = "absent" // there was nothing to remove
)

// Change is the outcome of Install and Uninstall.
type Change struct {
	Path   string   `json:"path"`
	Unit   string   `json:"unit"`
	Action Action   `json:"action"`
	Diff   string   `json:"diff,omitempty"` // unified, when the content of an existing file changed
	Notes  []string `json:"notes,omitempty"`
}

// Status is what the manager says of a unit. Fields it does not know are zero.
type Status struct {
	Manager        Kind      `json:"manager"`
	Unit           string    `json:"unit"`
	Installed      bool      `json:"installed"`
	Active         bool      `json:"active"`  // running; for systemd also ready
	Enabled        bool      `json:"enabled"` // starts with the user's session
	State          string    `json:"state"`   // the manager's own word: active, activating, failed, running, Ready …; of clawdbot up: the States below
	Since          time.Time `json:"since,omitzero"`
	SubState       string    `json:"subState"`
	PID            int       `json:"pid"`
	Result         string    `json:"result"`           // systemd: success, exit-code, signal, watchdog, timeout, start-limit-hit …; of clawdbot up: the same words
	ExecMainStatus int       `json:"execMainStatus"`   // exit status of the last run, or its signal's number when ExecMainCode is not exited
	ExecMainCode   string    `json:"execMainCode"`     // exited, killed, dumped; empty when no run ended. systemd forgets the last run when the next one starts
	Signal         string    `json:"signal,omitempty"` // that ended the last run: SIGKILL
	Restarts       int       `json:"restarts"`         // by the manager since the last start by hand
	Text           string    `json:"text"`             // what the gateway last said of itself, see Notifier.Status
}

// States of a member of a clawdbot up.
const (
	UpRunning = "running"
	UpWaiting = "waiting" // to be started again
	UpStopped = "stopped" // as it was asked to
	UpGaveUp  = "gave-up" // it crashed or refused too often: only Start and Restart start it
)

// StartError is a unit that was started and did not get ready.
type StartError struct{ Status Status }

func (e *StartError) Error() string {
	if e.Status.Result == "success" { // it is being started again
		return fmt.Sprintf("%s did not get ready: it is %s", e.Status.Unit, e.Status.State)
	}
	return fmt.Sprintf("%s did not get ready: %s, status %d", e.Status.Unit, e.Status.Result, e.Status.ExecMainStatus)
}

// manager is one service manager. Every method returns ErrNoManager when it does not answer.
type manager interface {
	status(ctx context.Context, f unitFile) (Status, error)
	// adopt makes a new or changed file known and lets it start with the session.
	adopt(ctx context.Context, f unitFile) error
	// drop stops the unit and keeps it from starting with the session.
	drop(ctx context.Context, f unitFile) error
	// forget follows the file's removal.
	forget(ctx context.Context, f unitFile) error
	start(ctx context.Context, f unitFile) error
	stop(ctx context.Context, f unitFile) error
	restart(ctx context.Context, f unitFile) error
}

// unitFile is a unit's name and the path of its file.
type unitFile struct{ name, path string }

// Host is the service manager of the user this process runs as. It keeps no state: every call asks the manager, bounded by its context and
// by 90 s for each command. It is safe for use by many goroutines, but two installs of one unit at a time may mix.
type Host struct {
	kind    Kind
	folder  string // of unit files
	linger  string // folder with a file for each user whose manager runs without a session
	account string // as the system names it, DOMAIN\name on Windows
	manager manager
}

// New makes the host from an environment: HOME and the XDG_ variables, and on Windows USERPROFILE and LOCALAPPDATA. It asks nothing of
// the manager yet.
func New(kind Kind, env func(string) string) (*Host, error) {
	account, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("service manager: who runs this: %w", err)
	}
	h := &Host{kind: kind, linger: "/var/lib/systemd/linger", account: account.Username}
	switch kind {
	case Launchd:
		h.folder = filepath.Join(env("HOME"), "Library", "LaunchAgents")
		h.manager = launchctl{run: newTool(env), domain: "gui/" + account.Uid}
	case Schtasks:
		local := env("LOCALAPPDATA")
		if local == "" {
			local = filepath.Join(env("USERPROFILE"), "AppData", "Local")
		}
		h.folder = filepath.Join(local, "clawdbot", "tasks")
		h.manager = schtasks{run: newTool(env)}
	default:
		config := env("XDG_CONFIG_HOME")
		if config == "" {
			config = filepath.Join(env("HOME"), ".config")
		}
		h.folder = filepath.Join(config, "systemd", "user")
		h.manager = systemctl{run: newTool(func(key string) string {
			// su, sudo and cron lose the variable, but the folder is where it always is (file-hierarchy(7)).
			if value := env(key); value != "" || key != "XDG_RUNTIME_DIR" {
				return value
			}
			return "/run/user/" + account.Uid
		})}
	}
	return h, nil
}

// Render is the unit as Install would write it. It touches nothing and needs no manager. The gateway is told who its manager is.
func (h *Host) Render(spec Spec) (File, error) {
	if h.kind == Up {
		return File{}, errNoUnits
	}
	unit, err := h.unit(spec.Profile)
	if err != nil {
		return File{}, err
	}
	if err := spec.validate(h.kind); err != nil {
		return File{}, err
	}
	spec.Args = append(slices.Clone(spec.Args), "--manager", string(h.kind))
	file := File{Path: unit.path}
	switch h.kind {
	case Launchd:
		file.Content = renderPlist(spec, unit.name)
	case Schtasks:
		file.Content, err = renderTask(spec, h.account)
	default:
		file.Content = renderUnit(spec, unit.name)
	}
	return file, err
}

// Install writes the unit, makes the manager know it and lets it start with the user's session; it does not start it now. A second
// install changes nothing and says so. A file without our mark is ErrForeign unless force is given.
func (h *Host) Install(ctx context.Context, spec Spec, force bool) (Change, error) {
	want, err := h.Render(spec)
	if err != nil {
		return Change{}, err
	}
	unit, _ := h.unit(spec.Profile)
	status, err := h.manager.status(ctx, unit)
	if err != nil {
		return Change{}, err
	}
	old, err := readUnit(unit.path, force)
	if err != nil {
		return Change{}, err
	}
	change := Change{Path: unit.path, Unit: unit.name, Action: Unchanged, Notes: h.lingerNotes()}
	same := old != nil && string(old) == want.Content
	if same && status.Enabled {
		return change, nil
	}
	switch {
	case old == nil:
		change.Action = Created
	case same:
		change.Action = Changed
		change.Notes = append(change.Notes, "it was disabled and is enabled again")
	default:
		change.Action = Changed
		change.Diff = unified(unit.path, old, want.Content)
	}
	if status.Active && !same {
		change.Notes = append(change.Notes, "it still runs as it was started; a restart takes the change up")
	}
	if h.kind == Launchd { // it does not make the folder for its output files
		if err := os.MkdirAll(spec.LogDir, 0o700); err != nil {
			return Change{}, fmt.Errorf("install %s: %w", unit.name, err)
		}
	}
	if err := writeFile(want); err != nil {
		return Change{}, fmt.Errorf("install %s: %w", unit.name, err)
	}
	return change, h.manager.adopt(ctx, unit)
}

// Uninstall stops the unit, disables it and removes its file. Nothing there is Absent, not an error.
func (h *Host) Uninstall(ctx context.Context, profile string, force bool) (Change, error) {
	if h.kind == Up {
		return Change{}, errNoUnits
	}
	unit, err := h.unit(profile)
	if err != nil {
		return Change{}, err
	}
	change := Change{Path: unit.path, Unit: unit.name, Action: Absent}
	old, err := readUnit(unit.path, force)
	if err != nil {
		return Change{}, err
	}
	status, err := h.manager.status(ctx, unit)
	switch {
	case old == nil && errors.Is(err, ErrNoManager): // which cannot have kept anything
		return change, nil
	case err != nil:
		return Change{}, err
	case old == nil && !status.Installed:
		return change, nil
	}
	if err := h.manager.drop(ctx, unit); err != nil {
		return Change{}, err
	}
	if err := os.Remove(unit.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Change{}, fmt.Errorf("uninstall %s: %w", unit.name, err)
	}
	change.Action = Removed
	return change, h.manager.forget(ctx, unit)
}

// Start returns when the gateway is ready, as far as the manager can tell. It may be a StartError. Starting a running unit does nothing.
func (h *Host) Start(ctx context.Context, profile string) error {
	return h.steer(ctx, profile, h.manager.start)
}

// Stop returns when the gateway has ended. Stopping a stopped unit does nothing.
func (h *Host) Stop(ctx context.Context, profile string) error {
	return h.steer(ctx, profile, h.manager.stop)
}

// Restart is Stop and Start in one; a stopped unit is started.
func (h *Host) Restart(ctx context.Context, profile string) error {
	return h.steer(ctx, profile, h.manager.restart)
}

func (h *Host) steer(ctx context.Context, profile string, verb func(context.Context, unitFile) error) error {
	status, err := h.Status(ctx, profile)
	if err != nil {
		return err
	}
	if !status.Installed {
		return fmt.Errorf("%s: %w", status.Unit, ErrNotInstalled)
	}
	unit, _ := h.unit(profile)
	return verb(ctx, unit)
}

// Status asks the manager. A unit that it does not know is no error: Installed is false.
func (h *Host) Status(ctx context.Context, profile string) (Status, error) {
	unit, err := h.unit(profile)
	if err != nil {
		return Status{}, err
	}
	status, err := h.manager.status(ctx, unit)
	status.Manager, status.Unit = h.kind, unit.name
	return status, err
}

// Outdated tells whether an installed unit differs from what Install would write, and how. It needs no manager; a unit that is not there
// is not outdated.
func (h *Host) Outdated(spec Spec) (bool, string, error) {
	want, err := h.Render(spec)
	if err != nil {
		return false, "", err
	}
	old, err := readUnit(want.Path, true)
	if err != nil || old == nil || string(old) == want.Content {
		return false, "", err
	}
	return true, unified(want.Path, old, want.Content), nil
}

func (h *Host) unit(profile string) (unitFile, error) {
	name, err := Name(h.kind, profile)
	if err != nil {
		return unitFile{}, err
	}
	suffix := map[Kind]string{Launchd: ".plist", Schtasks: ".xml"}[h.kind]
	return unitFile{name: name, path: filepath.Join(h.folder, name+suffix)}, nil
}

// lingerNotes says how the gateway is kept running after the last log-out. The file is what loginctl enable-linger makes; asking loginctl
// itself needs a session.
func (h *Host) lingerNotes() []string {
	if h.kind != Systemd {
		return nil
	}
	if _, err := os.Stat(filepath.Join(h.linger, h.account)); err == nil {
		return nil
	}
	return []string{"it ends when you log out and starts when you log in; to keep it running: loginctl enable-linger " + h.account}
}

// readUnit returns nil for a file that is not there.
func readUnit(path string, force bool) ([]byte, error) {
	content, err := config.ReadFile(path) // what stands there may be a pipe
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !force && !bytes.Contains(content, []byte(mark)):
		return nil, fmt.Errorf("%s: %w", path, ErrForeign)
	}
	return content, nil
}

// writeFile replaces the file in one step, so that a manager never reads half a unit.
func writeFile(f File) error {
	dir := filepath.Dir(f.Path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".clawdbot-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(f.Content)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), f.Path)
}

func unified(path string, old []byte, content string) string {
	return string(diff.Diff(path, old, path+" (new)", []byte(content)))
}
