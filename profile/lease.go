package profile

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/gofrs/flock"

	"clawdbot/profile/config"
	"clawdbot/profile/proc"
)

// HeldError says that somebody else works on the peer just now. What is not
// known of it is zero.
type HeldError struct {
	Peer    string
	By      string // name on the bus
	Purpose string
	Since   time.Time
}

func (e *HeldError) Error() string {
	if e.By == "" {
		return fmt.Sprintf("another process works on %s", e.Peer)
	}
	return fmt.Sprintf("%s works on %s since %s: %s", e.By, e.Peer, e.Since.Local().Format(time.TimeOnly), e.Purpose)
}

// leaseNote stands beside the lock: Windows lets nobody read a locked file.
type leaseNote struct {
	By      string        `json:"by"`
	Purpose string        `json:"purpose"`
	Since   time.Time     `json:"since"`
	Process proc.Identity `json:"process"`
}

// Lease gives the holder the right to work on the peer, both bus names, until
// release is called or this process ends. Nobody else on the host gets it
// meanwhile, in this process neither: they get a *HeldError, at once. It is a
// lock of the host and no message, so that it also holds where the link is broken.
func (r Registry) Lease(peer, holder, purpose string) (release func(), err error) {
	if !regexp.MustCompile(namePattern).MatchString(peer) {
		return nil, fmt.Errorf("lease: %w %q", ErrName, peer)
	}
	self, err := proc.Find(os.Getpid())
	if err != nil {
		return nil, fmt.Errorf("lease of %s: %w", peer, err)
	}
	note, err := json.Marshal(leaseNote{By: holder, Purpose: purpose, Since: time.Now(), Process: self.Identity})
	if err != nil {
		return nil, fmt.Errorf("lease of %s: %w", peer, err)
	}
	lock, noted := r.leaseFiles(peer)
	if err := os.MkdirAll(filepath.Dir(lock), 0o700); err != nil {
		return nil, fmt.Errorf("lease of %s: %w", peer, err)
	}
	l := flock.New(lock, flock.SetPermissions(0o600))
	switch got, err := l.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lease of %s: %w", peer, err)
	case !got:
		if held := r.Leased(peer); held != nil {
			return nil, held
		}
		return nil, &HeldError{Peer: peer}
	}
	if err := WriteFile(noted, note); err != nil {
		return nil, errors.Join(fmt.Errorf("lease of %s: %w", peer, err), l.Unlock())
	}
	return func() {
		_ = os.Remove(noted) // a note that stays speaks of a process that ends
		_ = l.Unlock()       // closing the file frees the lock in any case
	}, nil
}

// Leased tells who works on the peer, or nil when nobody does.
func (r Registry) Leased(peer string) *HeldError {
	_, noted := r.leaseFiles(peer)
	body, err := config.ReadFile(noted)
	if err != nil {
		return nil
	}
	var n leaseNote
	if err := json.Unmarshal(body, &n); err != nil {
		return nil
	}
	if _, err := proc.Same(n.Process); errors.Is(err, proc.ErrGone) { // it died at work
		return nil
	}
	return &HeldError{Peer: peer, By: n.By, Purpose: n.Purpose, Since: n.Since}
}

func (r Registry) leaseFiles(peer string) (lock, note string) {
	base := filepath.Join(r.dir, "leases", peer)
	return base + ".lock", base + ".json"
}
