package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// directed is a profile main with a peer rescue, as the host knows them.
func directed(t testing.TB) (p Profile, main Instance) {
	t.Helper()
	env := Env{Home: t.TempDir(), Exe: "/opt/clawdbot", Lookup: func(string) (string, bool) { return "", false }}
	for _, name := range []string{"third", "rescue", "main"} {
		var err error
		if p, err = Resolve(Flags{Profile: name}, env); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(p.StateDir, 0o700); err != nil {
			t.Fatal(err)
		}
		main = Instance{Profile: name, Bus: name, StateDir: p.StateDir}
		if _, err := p.Registry.Update(func([]Instance) (Instance, error) { return main, nil }); err != nil {
			t.Fatal(err)
		}
	}
	return p, main
}

var issued = time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))

func directive() Directive {
	return Directive{
		By: "rescue", Action: DirectGeneration, Generation: 3, BadHash: "abc", Reason: "main died twice of generation 4",
		Incident: "20260102-030405-main-3f2a", Issued: issued, Expires: issued.Add(MaxDirective),
	}
}

func TestDirectiveIsTakenOnce(t *testing.T) {
	p, main := directed(t)
	if _, err := p.TakeDirective(issued, nil); !errors.Is(err, ErrNoDirective) {
		t.Fatalf("before any: %v", err)
	}
	safe := directive()
	safe.Action, safe.Generation = DirectSafeMode, 0
	for _, want := range []Directive{directive(), safe} {
		if err := p.Registry.WriteDirective(main, directive()); err != nil { // which the next one replaces
			t.Fatal(err)
		}
		if err := p.Registry.WriteDirective(main, want); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(p.StateDir, directiveFile)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		got, err := p.TakeDirective(issued.Add(time.Minute), []string{"third", "rescue"})
		if err != nil || !got.Issued.Equal(want.Issued) || !got.Expires.Equal(want.Expires) {
			t.Fatalf("got %+v, %v", got, err)
		}
		got.Issued, got.Expires, want.Profile = want.Issued, want.Expires, "main"
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if _, err := p.TakeDirective(issued.Add(time.Minute), nil); !errors.Is(err, ErrNoDirective) {
			t.Errorf("a second time: %v", err)
		}
	}
}

// TestDirectiveThatIsRefused: each is put aside with the reason, and told once.
func TestDirectiveThatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Directive)
		forge  func([]byte) []byte
		peers  []string
		now    time.Duration // since it was issued
		says   string
	}{
		"expired":             {now: MaxDirective, says: "it expired at 2026-01-02T03:19:05+01:00"},
		"from the future":     {now: -time.Minute, says: "it was issued in the future"},
		"a peer not allowed":  {peers: []string{"third"}, says: "rescue, who signed it, is not in rescue.peers"},
		"nobody allowed":      {peers: []string{}, says: "rescue, who signed it, is not in rescue.peers"},
		"a stranger":          {change: func(d *Directive) { d.By = "stranger" }, says: `"stranger", who signed it, is no peer on this host`},
		"by itself":           {change: func(d *Directive) { d.By = "main" }, says: `"main", who signed it, is no peer`},
		"another generation":  {forge: swap(`"generation": 3`, `"generation": 4`), says: "it is forged: rescue did not sign it"},
		"in another's name":   {forge: swap(`"by": "rescue"`, `"by": "third"`), says: "it is forged: third did not sign it"},
		"held longer":         {forge: swap("03:19:05", "03:29:05"), says: "it is forged"},
		"without a signature": {forge: swap(`"mac": "`, `"mac": "00`), says: "it is forged"},
		"with more in it":     {forge: swap(`"by"`, `"note": 1, "by"`), says: `it cannot be read: json: unknown field "note"`},
		"with more behind it": {forge: func(b []byte) []byte { return append(b, '{') }, says: "it cannot be read: something follows it"},
		"half of it":          {forge: func(b []byte) []byte { return b[:len(b)/2] }, says: "it cannot be read"},
		"empty":               {forge: func([]byte) []byte { return nil }, says: "it cannot be read: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			p, main := directed(t)
			d := directive()
			if c.change != nil {
				c.change(&d)
			}
			if err := p.Registry.WriteDirective(main, d); err != nil {
				t.Fatal(err)
			}
			path, aside := filepath.Join(p.StateDir, directiveFile), filepath.Join(p.StateDir, refusedFile)
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if c.forge != nil {
				forged := c.forge(bytes.Clone(body))
				if bytes.Equal(forged, body) {
					t.Fatal("the forgery changes nothing")
				}
				body = forged
				if err := os.WriteFile(path, body, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			now := issued.Add(c.now)
			if _, err := p.TakeDirective(now, c.peers); !errors.Is(err, ErrDirective) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s", err, c.says)
			}
			if kept, err := os.ReadFile(aside); err != nil || !bytes.Equal(kept, body) {
				t.Errorf("put aside: %s, %v", kept, err)
			}
			if _, err := p.TakeDirective(now, c.peers); !errors.Is(err, ErrNoDirective) {
				t.Errorf("it is told again: %v", err)
			}
		})
	}
}

func swap(old, with string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(with), 1) }
}

// TestDirectiveForAnotherProfile: the unnamed profile and main have one name on
// the bus, and so one secret with each peer.
func TestDirectiveForAnotherProfile(t *testing.T) {
	p, main := directed(t)
	if err := p.Registry.WriteDirective(main, directive()); err != nil {
		t.Fatal(err)
	}
	unnamed, err := Resolve(Flags{}, p.env)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(unnamed.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(p.StateDir, directiveFile), filepath.Join(unnamed.StateDir, directiveFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := unnamed.TakeDirective(issued, nil); !errors.Is(err, ErrDirective) || !strings.Contains(err.Error(), "it is for profile main, and this is default") {
		t.Errorf("got %v", err)
	}
}

// TestDirectiveOfTheUnnamedProfile: it is main on the bus, and default in rescue.peers.
func TestDirectiveOfTheUnnamedProfile(t *testing.T) {
	p, _ := directed(t)
	register(t, p.Registry, Instance{Profile: Default, Bus: "main", StateDir: p.StateDir})
	rescue, err := Resolve(Flags{Profile: "rescue"}, p.env)
	if err != nil {
		t.Fatal(err)
	}
	d := directive()
	d.By = "main"
	if err := p.Registry.WriteDirective(Instance{Profile: "rescue", Bus: "rescue", StateDir: rescue.StateDir}, d); err != nil {
		t.Fatal(err)
	}
	if _, err := rescue.TakeDirective(issued, []string{Default}); err != nil {
		t.Error(err)
	}
}

// TestDirectiveThatIsPutBack: a copy of one that was taken is refused as long as
// it would hold, however its signature is spelled and whatever came after it.
func TestDirectiveThatIsPutBack(t *testing.T) {
	p, main := directed(t)
	path := filepath.Join(p.StateDir, directiveFile)
	second := directive()
	second.Generation = 2
	var first []byte
	for _, d := range []Directive{directive(), second} {
		if err := p.Registry.WriteDirective(main, d); err != nil {
			t.Fatal(err)
		}
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = body
		}
		if _, err := p.TakeDirective(issued, nil); err != nil {
			t.Fatal(err)
		}
	}
	at := bytes.Index(first, []byte(`"mac": "`)) + len(`"mac": "`)
	shouted := slices.Concat(first[:at], bytes.ToUpper(first[at:at+64]), first[at+64:])
	for _, copied := range [][]byte{first, shouted} {
		if err := os.WriteFile(path, copied, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := p.TakeDirective(issued.Add(MaxDirective-1), nil); !errors.Is(err, ErrDirective) || !strings.Contains(err.Error(), "it was taken already: rescue gave it") {
			t.Errorf("got %v", err)
		}
	}
	if info, err := os.Stat(filepath.Join(p.StateDir, takenFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	later := directive()
	later.Issued, later.Expires = issued.Add(MaxDirective), issued.Add(2*MaxDirective)
	if err := p.Registry.WriteDirective(main, later); err != nil {
		t.Fatal(err)
	}
	if _, err := p.TakeDirective(later.Issued, nil); err != nil {
		t.Fatal(err)
	}
	if body, err := os.ReadFile(filepath.Join(p.StateDir, takenFile)); err != nil || bytes.Count(body, []byte("mac")) != 1 {
		t.Errorf("what expired is kept: %s, %v", body, err)
	}
}

// TestDirectiveThatIsAFolder is put aside, whatever was put aside before it.
func TestDirectiveThatIsAFolder(t *testing.T) {
	for _, before := range []string{"", "/old"} { // a file, and a folder with one
		p, _ := directed(t)
		path, aside := filepath.Join(p.StateDir, directiveFile), filepath.Join(p.StateDir, refusedFile)
		for _, file := range []string{path + "/inside", aside + before} {
			if err := WriteFile(file, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.TakeDirective(issued, nil); !errors.Is(err, ErrDirective) || !strings.HasSuffix(err.Error(), "directive.json is not a regular file") {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(filepath.Join(aside, "inside")); err != nil {
			t.Error(err)
		}
		if _, err := p.TakeDirective(issued, nil); !errors.Is(err, ErrNoDirective) {
			t.Errorf("it is told again: %v", err)
		}
	}
}

func TestWithdrawDirective(t *testing.T) {
	p, main := directed(t)
	if err := p.Registry.WithdrawDirective(main, directive().Incident); err != nil {
		t.Errorf("there is none: %v", err)
	}
	byHand := directive()
	byHand.Incident = ""
	for name, c := range map[string]struct {
		written  Directive
		incident string
		stays    bool
	}{
		"its own":             {directive(), directive().Incident, false},
		"of another incident": {directive(), "20260102-030405-main-ffff", true},
		"by hand":             {byHand, directive().Incident, true},
		"of no incident":      {byHand, "", true},
	} {
		if err := p.Registry.WriteDirective(main, c.written); err != nil {
			t.Fatal(err)
		}
		if err := p.Registry.WithdrawDirective(main, c.incident); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(p.StateDir, directiveFile)); (err == nil) != c.stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDirectiveThatNobodyMayGive(t *testing.T) {
	p, main := directed(t)
	for says, change := range map[string]func(*Directive){
		`"explode", which is no action`:   func(d *Directive) { d.Action = "explode" },
		"generation with generation 0":    func(d *Directive) { d.Generation = 0 },
		"safe-mode with generation 3":     func(d *Directive) { d.Action = DirectSafeMode },
		"no reason":                       func(d *Directive) { d.Reason = "" },
		"15m0s is the longest":            func(d *Directive) { d.Expires = d.Issued.Add(MaxDirective + 1) },
		"holds from 2026-01-02T03:04:05+": func(d *Directive) { d.Expires = d.Issued },
	} {
		d := directive()
		change(&d)
		if err := p.Registry.WriteDirective(main, d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %s", err, says)
		}
	}
	main.StateDir += "-gone"
	if err := p.Registry.WriteDirective(main, directive()); err == nil || !strings.Contains(err.Error(), "there is no state folder") {
		t.Errorf("got %v", err)
	}
	for _, dir := range []string{p.StateDir, main.StateDir} {
		if _, err := os.Stat(filepath.Join(dir, directiveFile)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it was written: %v", err)
		}
	}
}

// FuzzDirective: whatever stands in the file, only what a peer signed is followed.
func FuzzDirective(f *testing.F) {
	p, main := directed(f)
	if err := p.Registry.WriteDirective(main, directive()); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(p.StateDir, directiveFile)
	body, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	want, err := p.TakeDirective(issued, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add(swap("main died", "main lives")(body))
	f.Add([]byte(`{"by":"rescue","mac":""}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := errors.Join(os.WriteFile(path, body, 0o600), os.RemoveAll(filepath.Join(p.StateDir, takenFile))); err != nil {
			t.Fatal(err)
		}
		got, err := p.TakeDirective(issued, nil)
		if err != nil {
			return
		}
		said, _ := json.Marshal(got)
		signed, _ := json.Marshal(want)
		if !bytes.Equal(said, signed) {
			t.Errorf("followed %s", said)
		}
	})
}
