package profile

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"clawdbot/profile/config"
)

var (
	// ErrNoDirective says that no boot directive waits for the profile.
	ErrNoDirective = errors.New("no boot directive")
	// ErrDirective says that a boot directive is not to be followed.
	ErrDirective = errors.New("boot directive refused")
)

// DirectiveAction is what a boot directive asks for.
type DirectiveAction string

// The actions.
const (
	DirectGeneration DirectiveAction = "generation"
	DirectSafeMode   DirectiveAction = "safe-mode"
)

// MaxDirective is how long a boot directive may hold.
const MaxDirective = 15 * time.Minute

// directiveSkew is how far a clock may have been set back since a directive was issued.
const directiveSkew = 5 * time.Second

// Directive tells a gateway how to start next, because its peer saw it fail.
type Directive struct {
	Profile    string          `json:"profile"` // whom it is for; WriteDirective fills it in
	By         string          `json:"by"`      // name on the bus of the peer that gives it
	Action     DirectiveAction `json:"action"`
	Generation uint64          `json:"generation,omitempty"` // of DirectGeneration
	BadHash    string          `json:"badHash,omitempty"`    // of the config file that it stands in for; "" when not known
	Reason     string          `json:"reason"`               // one sentence
	Incident   string          `json:"incident,omitempty"`   // id
	Issued     time.Time       `json:"issued"`
	Expires    time.Time       `json:"expires"`
}

// signed is a directive as it stands in its file.
type signed struct {
	Directive
	MAC string `json:"mac"` // HMAC-SHA256 with the secret of the pair, hex
}

// Names in the state folder.
const (
	directiveFile = "directive.json"
	refusedFile   = "directive.refused.json"
	takenFile     = "directive.taken.json"
)

// taken is a directive that was followed, kept while it would hold.
type taken struct {
	MAC     string    `json:"mac"`
	Expires time.Time `json:"expires"`
}

// WriteDirective signs the directive and leaves it in the instance's state
// folder, in place of an earlier one.
func (r Registry) WriteDirective(i Instance, d Directive) error {
	d.Profile = i.Profile
	if err := d.check(); err != nil {
		return fmt.Errorf("boot directive for %s: %w", i.Profile, err)
	}
	if missing(i.StateDir) {
		return fmt.Errorf("boot directive for %s: there is no state folder %s", i.Profile, i.StateDir)
	}
	secret, err := r.PairSecret(d.By, i.Bus)
	if err != nil {
		return fmt.Errorf("boot directive for %s: %w", i.Profile, err)
	}
	mac, err := d.mac(secret)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(signed{d, hex.EncodeToString(mac)}, "", "  ")
	if err != nil {
		return err
	}
	return WriteFile(filepath.Join(i.StateDir, directiveFile), append(body, '\n'))
}

// check refuses what no clawdbot writes.
func (d Directive) check() error {
	switch known := d.Action == DirectGeneration || d.Action == DirectSafeMode; {
	case !known:
		return fmt.Errorf("it asks for %q, which is no action", d.Action)
	case (d.Action == DirectGeneration) != (d.Generation > 0):
		return fmt.Errorf("it asks for %s with generation %d", d.Action, d.Generation)
	case d.Reason == "":
		return errors.New("it gives no reason")
	case !d.Expires.After(d.Issued) || d.Expires.Sub(d.Issued) > MaxDirective:
		return fmt.Errorf("it holds from %s to %s, and %s is the longest", d.Issued.Format(time.RFC3339), d.Expires.Format(time.RFC3339), MaxDirective)
	}
	return nil
}

// mac covers every field, in their order, with the times in UTC.
func (d Directive) mac(secret string) ([]byte, error) {
	d.Issued, d.Expires = d.Issued.UTC(), d.Expires.UTC()
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte("clawdbot boot directive\n")) // the secret has another use
	h.Write(body)
	return h.Sum(nil), nil
}

// WithdrawDirective removes the directive that waits for the instance, if it is
// of that incident: a start after its end is none of the peer's business. That
// there is none, or one of another incident or of an operator, is no error.
func (r Registry) WithdrawDirective(i Instance, incident string) error {
	path := filepath.Join(i.StateDir, directiveFile)
	body, err := config.ReadFile(path)
	if err != nil {
		return nil // there is none, or the next start puts aside what it is
	}
	var s signed
	if json.Unmarshal(body, &s) != nil || incident == "" || s.Incident != incident {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // it may have been taken meanwhile
		return fmt.Errorf("boot directive for %s: %w", i.Profile, err)
	}
	return nil
}

// TakeDirective returns the boot directive that waits for this profile, once,
// or ErrNoDirective. One that must not be followed, such as a copy of one that
// was taken, is ErrDirective with the reason; it is put aside, so that it is told
// once too. Peers are the profiles that may direct this one, as in rescue.peers;
// nil are all that the host knows.
func (p Profile) TakeDirective(now time.Time, peers []string) (Directive, error) {
	path := filepath.Join(p.StateDir, directiveFile)
	body, err := config.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Directive{}, ErrNoDirective
	}
	var s signed
	if err == nil {
		s, err = p.verify(body, now, peers)
	}
	if err == nil {
		err = p.takeOnce(s, now)
	}
	if err != nil {
		aside := filepath.Join(p.StateDir, refusedFile)
		return Directive{}, errors.Join(fmt.Errorf("%w: %w", ErrDirective, err), os.RemoveAll(aside), os.Rename(path, aside))
	}
	if err := os.Remove(path); err != nil { // one that cannot be taken would hold for every start to come
		return Directive{}, fmt.Errorf("%w: %w", ErrDirective, err)
	}
	return s.Directive, nil
}

// takeOnce remembers the directive before it is followed, and refuses one that it remembers.
func (p Profile) takeOnce(s signed, now time.Time) error {
	path := filepath.Join(p.StateDir, takenFile)
	var before []taken
	if body, err := config.ReadFile(path); err == nil {
		_ = json.Unmarshal(body, &before) // who can damage it can remove it too
	}
	before = slices.DeleteFunc(before, func(t taken) bool { return !now.Before(t.Expires) })
	if slices.ContainsFunc(before, func(t taken) bool { return t.MAC == s.MAC }) {
		return fmt.Errorf("it was taken already: %s gave it at %s for one start", s.By, s.Issued.Format(time.RFC3339))
	}
	body, err := json.Marshal(append(before, taken{s.MAC, s.Expires}))
	if err != nil {
		return err
	}
	if err := WriteFile(path, append(body, '\n')); err != nil {
		return fmt.Errorf("that it is taken cannot be noted: %w", err)
	}
	return nil
}

// verify returns the directive in the file, its signature in one spelling, when
// it is one for this profile, from a peer, and holds now.
func (p Profile) verify(body []byte, now time.Time, peers []string) (signed, error) {
	var s signed
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return signed{}, fmt.Errorf("it cannot be read: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return signed{}, errors.New("it cannot be read: something follows it")
	}
	if err := p.mayDirect(s.By, peers); err != nil {
		return signed{}, err
	}
	secret, err := p.Registry.PairSecret(s.By, p.Bus())
	if err != nil {
		return signed{}, err
	}
	want, err := s.mac(secret)
	if err != nil {
		return signed{}, err
	}
	got, err := hex.DecodeString(s.MAC)
	switch {
	case err != nil || !hmac.Equal(got, want):
		return signed{}, fmt.Errorf("it is forged: %s did not sign it", s.By)
	case s.Profile != p.Name:
		return signed{}, fmt.Errorf("it is for profile %s, and this is %s", s.Profile, p.Name)
	case s.Issued.After(now.Add(directiveSkew)):
		return signed{}, fmt.Errorf("it was issued in the future, at %s", s.Issued.Format(time.RFC3339))
	case !now.Before(s.Expires):
		return signed{}, fmt.Errorf("it expired at %s", s.Expires.Format(time.RFC3339))
	}
	s.MAC = hex.EncodeToString(want)
	return s, s.check()
}

// mayDirect refuses an issuer that is no peer of this profile.
func (p Profile) mayDirect(by string, peers []string) error {
	known, err := p.Registry.ByBus(nil)
	if len(known) == 0 && err != nil {
		return err
	}
	if _, ok := known[by]; !ok || by == p.Bus() {
		return fmt.Errorf("%q, who signed it, is no peer on this host", by)
	}
	if peers != nil && !slices.ContainsFunc(peers, func(name string) bool { return BusName(name) == by }) {
		return fmt.Errorf("%s, who signed it, is not in rescue.peers", by)
	}
	return nil
}
