package profile

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
)

// ErrNotRegistered says that the host registry has no such profile.
var ErrNotRegistered = errors.New("profile is not registered on this host")

// ErrLocked says that another process keeps the host registry locked, for
// seconds, which no work on it takes: that process is stuck.
var ErrLocked = errors.New("host registry is locked by another process")

// Instance is what the host knows of one profile. Process is zero when its
// gateway was stopped in order; a gateway that died leaves it behind, so ask
// Alive.
type Instance struct {
	Profile    string        `json:"profile"`
	Bus        string        `json:"bus"`
	ConfigPath string        `json:"configPath"`
	StateDir   string        `json:"stateDir"`
	Workspace  string        `json:"workspace"`
	LogFile    string        `json:"logFile,omitempty"`    // as the config says now; filled by Profile.Known
	CanvasRoot string        `json:"canvasRoot,omitempty"` // the same
	Ports      ports.Ports   `json:"ports"`
	TLS        string        `json:"tls,omitempty"`      // fingerprint of the base port's certificate; "" when it speaks plain
	LinkAddr   string        `json:"linkAddr,omitempty"` // host:port of the leaf listener
	Process    proc.Identity `json:"process"`
	StartedAt  time.Time     `json:"startedAt,omitzero"`
	StoppedAt  time.Time     `json:"stoppedAt,omitzero"`
	Exe        string        `json:"exe,omitempty"`
	Version    string        `json:"version,omitempty"`
	Unit       string        `json:"unit,omitempty"` // service unit, when one is installed

	// How the gateway was started that runs, or ran last.
	Boot    string `json:"boot,omitempty"`    // random, one per life, as in its beats
	Manager string `json:"manager,omitempty"` // a service.Kind; "" when nobody starts it again, as in a terminal
	Keeper  string `json:"keeper,omitempty"`  // socket of the `clawdbot up` that keeps it, see service.Fleet

	Maintenance *Maintenance `json:"maintenance,omitempty"` // nil when there is none; ask InMaintenance
}

// Alive says whether the instance's own process runs.
func (i Instance) Alive() bool {
	_, err := proc.Same(i.Process)
	return err == nil
}

// Is says whether the instance is the profile p, and not one that the
// environment gave the same name but another state folder.
func (i Instance) Is(p Profile) bool { return i.Profile == p.Name && i.StateDir == p.StateDir }

// Gone says whether the instance is one whose state folder or config was
// removed, and whose gateway does not run.
func (i Instance) Gone() bool { return (missing(i.StateDir) || missing(i.ConfigPath)) && !i.Alive() }

func missing(path string) bool {
	if path == "" { // not known
		return false
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// Registry is the host's index of profiles, one file each. It is an index:
// losing it loses nothing. Its methods are safe for use by many processes.
type Registry struct{ dir string }

// Dir is the registry's folder.
func (r Registry) Dir() string { return r.dir }

// List returns all registered profiles, sorted by name. A file that cannot be
// read as an instance is left out and named in the error, beside the others;
// the list is nil only when the folder itself cannot be read, or is not there.
func (r Registry) List() ([]Instance, error) {
	entries, err := os.ReadDir(r.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("host registry: %w", err)
	}
	list := []Instance{} // not nil: what can be read is there, though it may be none
	var bad []error
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || e.IsDir() {
			continue
		}
		i, err := r.Get(name)
		if errors.Is(err, ErrNotRegistered) { // removed meanwhile
			continue
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b Instance) int { return strings.Compare(a.Profile, b.Profile) })
	return list, errors.Join(bad...)
}

// Get returns one profile's instance, or ErrNotRegistered.
func (r Registry) Get(name string) (Instance, error) {
	path := r.file(name)
	body, err := config.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Instance{}, fmt.Errorf("%w: %s", ErrNotRegistered, name)
	}
	if err != nil {
		return Instance{}, fmt.Errorf("host registry: %w", err)
	}
	var i Instance
	if err := json.Unmarshal(body, &i); err != nil {
		return Instance{}, fmt.Errorf("host registry: %s: %w", path, err)
	}
	if i.Profile != name {
		return Instance{}, fmt.Errorf("host registry: %s speaks of profile %q", path, i.Profile)
	}
	return i, nil
}

// ByBus returns the registered instances by their names on the bus. Of two that
// share one, as the unnamed profile and main do, it is the one that runs, or ran
// last. One whose state folder was removed is left out; one whose file cannot be read is as it was in before, an earlier answer
// or nil, and named in the error.
func (r Registry) ByBus(before map[string]Instance) (map[string]Instance, error) {
	list, err := r.List()
	found := map[string]Instance{}
	for _, i := range list {
		if missing(i.StateDir) && !i.Alive() { // removed by hand
			continue
		}
		if other, ok := found[i.Bus]; !ok || i.ranAfter(other) {
			found[i.Bus] = i
		}
	}
	for bus, i := range before {
		if _, ok := found[bus]; !ok && r.damaged(i.Profile) {
			found[bus] = i
		}
	}
	return found, err
}

func (r Registry) damaged(name string) bool {
	_, err := r.Get(name)
	return err != nil && !errors.Is(err, ErrNotRegistered)
}

// Rival returns the other profile of the host that has p's name on the bus, as
// the unnamed profile and main do for each other. Of two that are set up, the one
// that runs or ran last has the name, and no rival.
func (p Profile) Rival() (rival Instance, found bool, err error) {
	known, err := p.Known()
	if err != nil {
		return Instance{}, false, err
	}
	mine := Instance{}
	for _, i := range known {
		if i.Is(p) {
			mine = i
		}
	}
	unset := missing(p.ConfigPath)
	for _, i := range known {
		if i.Profile != p.Name && i.Bus == p.Bus() && !i.Gone() && (unset || i.ranAfter(mine)) {
			return i, true, nil
		}
	}
	return Instance{}, false, nil
}

// ranAfter compares instances of which only one can run at a time.
func (i Instance) ranAfter(other Instance) bool {
	if a, b := i.Alive(), other.Alive(); a != b {
		return a
	}
	return i.StartedAt.After(other.StartedAt)
}

// Update changes the registry under its lock: fn sees every registered
// instance and returns the one to write. When fn fails nothing is written.
func (r Registry) Update(fn func(all []Instance) (Instance, error)) (Instance, error) {
	unlock, err := r.lock()
	if err != nil {
		return Instance{}, err
	}
	defer unlock()
	all, err := r.List()
	if err != nil && all == nil {
		return Instance{}, err
	}
	next, err := fn(all)
	if err != nil {
		return Instance{}, err
	}
	body, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return Instance{}, fmt.Errorf("host registry: %w", err)
	}
	return next, WriteFile(r.file(next.Profile), append(body, '\n'))
}

// Remove forgets a profile. The credentials of its pairs stay for when it comes
// back; they let in nobody who is not registered.
func (r Registry) Remove(name string) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	err = os.Remove(r.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", ErrNotRegistered, name)
	}
	return err
}

// PairSecret returns the credential that the two bus names link with, 32
// random bytes in hex, and makes it when there is none.
func (r Registry) PairSecret(a, b string) (string, error) {
	if a > b {
		a, b = b, a
	}
	path := filepath.Join(r.dir, "links", a+"+"+b+".key") // + is in no profile name
	if _, err := os.Stat(path); err == nil {              // it came there in one step
		return Secret(path)
	}
	unlock, err := r.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	return Secret(path)
}

// RemovePairs removes the credentials that a bus name links with.
func (r Registry) RemovePairs(bus string) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	dir := filepath.Join(r.dir, "links")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("host registry: %w", err)
	}
	for _, e := range entries {
		a, b, _ := strings.Cut(strings.TrimSuffix(e.Name(), ".key"), "+")
		if a == bus || b == bus {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// Secret returns the secret in the file, and makes one of 32 random bytes in
// hex when there is no file.
func Secret(path string) (string, error) {
	body, err := config.ReadFile(path)
	if err == nil {
		if s := strings.TrimSpace(string(body)); len(s) >= 32 {
			return s, nil
		}
		return "", fmt.Errorf("secret in %s is too short: remove the file and a new one is made", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	s := hex.EncodeToString(raw)
	return s, WriteFile(path, []byte(s+"\n"))
}

// WriteFile replaces the file in one step, 0600, and makes its folders, 0700.
func WriteFile(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // CreateTemp makes 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(body)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}

// lockTimeout is generous: the lock is held for a few file writes.
const lockTimeout = 5 * time.Second

func (r Registry) lock() (unlock func(), err error) {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, fmt.Errorf("host registry: %w", err)
	}
	l := flock.New(filepath.Join(r.dir, ".lock"), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	switch _, err := l.TryLockContext(ctx, 2*time.Millisecond); {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%w: %s", ErrLocked, r.dir)
	case err != nil:
		return nil, fmt.Errorf("host registry: %w", err)
	}
	return func() { _ = l.Unlock() }, nil // closing the file frees the lock in any case
}

func (r Registry) file(name string) string { return filepath.Join(r.dir, name+".json") }
