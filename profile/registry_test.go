package profile

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
)

func register(t *testing.T, r Registry, i Instance) {
	t.Helper()
	if _, err := r.Update(func([]Instance) (Instance, error) { return i, nil }); err != nil {
		t.Fatal(err)
	}
}

// TestRegistryUpdate has many writers at once, each with the lock's file open
// by itself, as processes have: none may lose another's entry.
func TestRegistryUpdate(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			_, err := r.Update(func(all []Instance) (Instance, error) {
				return Instance{Profile: string(rune('a' + n)), Ports: ports.Ports{Gateway: len(all) + 1}}, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := r.List()
	if err != nil || len(all) != 8 {
		t.Fatalf("got %d entries, %v", len(all), err)
	}
	seen := map[int]bool{}
	for _, i := range all {
		seen[i.Ports.Gateway] = true
	}
	if len(seen) != 8 {
		t.Fatalf("two writers saw the same registry: %v", seen)
	}
	if err := r.Remove("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get("a"); !errors.Is(err, ErrNotRegistered) {
		t.Fatalf("after Remove: %v", err)
	}
	if err := r.Remove("a"); !errors.Is(err, ErrNotRegistered) {
		t.Fatalf("a second Remove: %v", err)
	}
}

func TestRegistryUpdateThatFailsWritesNothing(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	no := errors.New("no")
	if _, err := r.Update(func([]Instance) (Instance, error) { return Instance{Profile: "main"}, no }); !errors.Is(err, no) {
		t.Fatal(err)
	}
	if all, err := r.List(); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
}

// TestRegistryDamaged: the registry is an index, so a file of it that nobody
// can read stops neither the others nor its own profile.
func TestRegistryDamaged(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	for text, says := range map[string]string{
		"{":                     "half an entry",
		"":                      "an empty file",
		`{"profile":"another"}`: "an entry of another profile",
	} {
		if err := WriteFile(r.file("main"), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if all, err := r.List(); err == nil || len(all) != 0 {
			t.Errorf("%s: got %v, %v, want an error that names it", says, all, err)
		}
		register(t, r, Instance{Profile: "main", Bus: "main"})
		if i, err := r.Get("main"); err != nil || i.Bus != "main" {
			t.Errorf("%s was not replaced: %+v, %v", says, i, err)
		}
	}
	if err := WriteFile(r.file("bad"), []byte("{")); err != nil {
		t.Fatal(err)
	}
	all, err := r.List()
	if err == nil || len(all) != 1 || all[0].Profile != "main" {
		t.Fatalf("got %v, %v: want the good one and an error that names the other", all, err)
	}
}

func TestByBus(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	self, err := proc.Find(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	register(t, r, Instance{Profile: Default, Bus: "main", StartedAt: now})
	register(t, r, Instance{Profile: "main", Bus: "main", StartedAt: now.Add(-time.Hour)})
	owner := func() string {
		t.Helper()
		found, err := r.ByBus(nil)
		if err != nil || len(found) != 1 {
			t.Fatalf("got %v, %v", found, err)
		}
		return found["main"].Profile
	}
	if got := owner(); got != Default {
		t.Errorf("neither runs: got %s, want the one that ran last", got)
	}
	register(t, r, Instance{Profile: "main", Bus: "main", StartedAt: now.Add(-time.Hour), Process: self.Identity})
	if got := owner(); got != "main" {
		t.Errorf("got %s, want the one that runs", got)
	}
}

// TestGone removes a profile by hand: it is no peer and no rival any more.
func TestGone(t *testing.T) {
	env := testEnv(t, nil)
	p, rival := resolve(t, Flags{}, env), resolve(t, Flags{Profile: "main"}, env)
	if _, taken, err := p.Rival(); taken || err != nil {
		t.Fatalf("a rival on an empty host, %v", err)
	}
	if err := WriteFile(rival.ConfigPath, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	i := Instance{Profile: "main", Bus: "main", StateDir: rival.StateDir, ConfigPath: rival.ConfigPath, StartedAt: time.Now()}
	register(t, p.Registry, i)
	if got, taken, err := p.Rival(); !taken || got.Profile != "main" || err != nil {
		t.Fatalf("got %+v, %v, want main as the rival", got, err)
	}
	if _, taken, err := rival.Rival(); taken || err != nil {
		t.Fatalf("a profile that is not set up is a rival, %v", err)
	}
	if err := WriteFile(p.ConfigPath, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if _, taken, err := rival.Rival(); taken || err != nil {
		t.Fatalf("the one that ran last has a rival, %v", err)
	}
	if err := os.RemoveAll(rival.StateDir); err != nil {
		t.Fatal(err)
	}
	if _, taken, err := p.Rival(); taken || err != nil || !i.Gone() {
		t.Fatalf("a profile whose folder is gone is a rival, %v", err)
	}
	if found, err := p.Registry.ByBus(nil); len(found) != 0 || err != nil {
		t.Fatalf("a profile whose folder is gone is a peer: %v, %v", found, err)
	}
}

func TestRemovePairs(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	if err := r.RemovePairs("main"); err != nil {
		t.Fatal(err)
	}
	secret := func(a, b string) string {
		t.Helper()
		s, err := r.PairSecret(a, b)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, two, other := secret("main", "rescue"), secret("third", "rescue"), secret("main", "third")
	if err := r.RemovePairs("rescue"); err != nil {
		t.Fatal(err)
	}
	if secret("main", "rescue") == one || secret("rescue", "third") == two || secret("main", "third") != other {
		t.Error("not just the keys of rescue were removed")
	}
}

func TestByBusKeepsWhatWasDamaged(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	register(t, r, Instance{Profile: "main", Bus: "main", LinkAddr: "127.0.0.1:1"})
	register(t, r, Instance{Profile: "rescue", Bus: "rescue"})
	before, err := r.ByBus(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.file("main"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Remove("rescue"); err != nil {
		t.Fatal(err)
	}
	after, err := r.ByBus(before)
	if err == nil || len(after) != 1 || after["main"] != before["main"] {
		t.Errorf("got %v, %v: want main as it was, and an error that names its file", after, err)
	}
}

// TestStuckLock has another process keep the registry locked for ever.
func TestStuckLock(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	secret, err := r.PairSecret("rescue", "main")
	if err != nil {
		t.Fatal(err)
	}
	register(t, r, Instance{Profile: "main"})
	stuck := flock.New(filepath.Join(r.Dir(), ".lock"))
	if err := stuck.Lock(); err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	began := time.Now()
	if again, err := r.PairSecret("main", "rescue"); err != nil || again != secret {
		t.Errorf("the pair's credential: got %v, same %v", err, again == secret)
	}
	if _, err := r.List(); err != nil {
		t.Error(err)
	}
	if waited := time.Since(began); waited > lockTimeout/2 {
		t.Errorf("reading waited %s for the lock", waited)
	}
	if _, err := r.Update(func([]Instance) (Instance, error) { return Instance{Profile: "main"}, nil }); !errors.Is(err, ErrLocked) {
		t.Errorf("writing: got %v, want ErrLocked", err)
	}
}

func TestWatchTellsOfChanges(t *testing.T) {
	r := resolve(t, Flags{}, testEnv(t, nil)).Registry
	changed, stop := r.Watch()
	defer stop()
	for _, c := range []struct {
		what string
		make func() error
	}{
		{"a profile came", func() error { return WriteFile(r.file("main"), []byte("{}")) }},
		{"it changed", func() error { return WriteFile(r.file("main"), []byte("{ }")) }},
		{"it went", func() error { return os.Remove(r.file("main")) }},
		{"the registry was lost", func() error { return os.RemoveAll(r.Dir()) }},
		{"a profile came to the new one", func() error { return WriteFile(r.file("main"), []byte("{}")) }},
	} {
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changed:
		case <-time.After(missed / 2): // before it would look by itself
			t.Fatalf("nobody told that %s", c.what)
		}
		for quiet := false; !quiet; { // one change may be told in parts
			select {
			case <-changed:
			case <-time.After(100 * time.Millisecond):
				quiet = true
			}
		}
	}
}
