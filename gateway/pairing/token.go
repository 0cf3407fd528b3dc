package pairing

import (
	"errors"
	"slices"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/profile/store"
)

// token is a device's token for one role as it is kept. One that was revoked
// has no hash.
type token struct {
	Hash         string   `json:"hash,omitempty"` // SHA-256, in hex
	Scopes       []string `json:"scopes"`
	CreatedAtMs  int64    `json:"createdAtMs"`
	RotatedAtMs  int64    `json:"rotatedAtMs,omitempty"`
	LastUsedAtMs int64    `json:"lastUsedAtMs,omitempty"`
	RevokedAtMs  int64    `json:"revokedAtMs,omitempty"`
}

func (t token) told(role string) msg.DeviceToken {
	return msg.DeviceToken{
		Role: role, Scopes: t.Scopes, CreatedAtMs: t.CreatedAtMs,
		RotatedAtMs: t.RotatedAtMs, LastUsedAtMs: t.LastUsedAtMs, RevokedAtMs: t.RevokedAtMs,
	}
}

// useEvery is how exact the time of the last use is: not each use writes.
const useEvery = time.Minute

// Verify checks the token that a device presents for the role it asks for. It
// returns the scopes that the token has of those asked for, or ErrToken. Whether
// the device may have them is Admit's to say.
func (d *Devices) Verify(a Ask, presented string) (msg.DeviceToken, error) {
	dev, err := d.paired.Get(a.DeviceID)
	if errors.Is(err, store.ErrNotFound) {
		return msg.DeviceToken{}, ErrToken
	}
	if err != nil {
		return msg.DeviceToken{}, err
	}
	t := dev.Tokens[a.Role]
	if !equal(t.Hash, HashToken(presented)) || !dev.has(a.Role) {
		return msg.DeviceToken{}, ErrToken
	}
	told := t.told(a.Role)
	if len(a.Scopes) > 0 {
		told.Scopes = slices.DeleteFunc(slices.Clone(a.Scopes), func(s string) bool { return !rpc.Holds(t.Scopes, s) })
	}
	return told, d.used(a, t)
}

// used writes down when the token was used, unless that is known well enough.
func (d *Devices) used(a Ask, seen token) error {
	now := d.now().UnixMilli()
	if now-seen.LastUsedAtMs < useEvery.Milliseconds() {
		return nil
	}
	return d.change(a.DeviceID, func(dev *device) (bool, error) {
		t := dev.Tokens[a.Role]
		if t.Hash != seen.Hash {
			return true, ErrToken // replaced meanwhile
		}
		t.LastUsedAtMs = now
		dev.Tokens[a.Role] = t
		return true, nil
	})
}

// Issue makes the first token of a paired device's role. It returns "" when the
// role has one already, for its holder must not lose it.
func (d *Devices) Issue(id, role string) (issued string, about msg.DeviceToken, err error) {
	err = d.change(id, func(dev *device) (bool, error) {
		if !dev.has(role) {
			return true, ErrUnknownDevice
		}
		if dev.Tokens[role].Hash != "" {
			return true, nil
		}
		now := d.now().UnixMilli()
		t := token{Scopes: scopesOf(role, dev.Scopes), CreatedAtMs: now, LastUsedAtMs: now}
		issued, t.Hash = newToken()
		dev.keep(role, t)
		about = t.told(role)
		return true, nil
	})
	if err != nil {
		issued = ""
	}
	return issued, about, err
}

// Rotate replaces the token of a paired device's role, or makes one; scopes are
// the new one's, none for those of the old one. allow may refuse it. It returns
// ErrUnknownDevice or ErrScopes.
func (d *Devices) Rotate(id, role string, scopes []string, allow func(scopes []string) error) (rotated string, about msg.DeviceToken, err error) {
	err = d.change(id, func(dev *device) (bool, error) {
		if !dev.has(role) {
			return true, ErrUnknownDevice
		}
		now := d.now().UnixMilli()
		t, old := dev.Tokens[role]
		switch {
		case len(scopes) > 0:
			t.Scopes = sorted(scopes)
		case !old:
			t.Scopes = scopesOf(role, dev.Scopes)
		}
		if !covers(scopesOf(role, dev.Scopes), t.Scopes) {
			return true, ErrScopes
		}
		if err := allow(t.Scopes); err != nil {
			return true, err
		}
		if !old {
			t.CreatedAtMs = now
		}
		t.RotatedAtMs = now
		rotated, t.Hash = newToken()
		dev.keep(role, t)
		about = t.told(role)
		return true, nil
	})
	if err != nil {
		rotated = ""
	}
	return rotated, about, err
}

// Revoke takes the role away from the device, with its token, until it is
// approved again. It returns when, or ErrUnknownDevice.
func (d *Devices) Revoke(id, role string) (atMs int64, err error) {
	err = d.change(id, func(dev *device) (bool, error) {
		if !slices.Contains(dev.Roles, role) {
			return true, ErrUnknownDevice
		}
		t := dev.Tokens[role]
		if t.RevokedAtMs == 0 {
			t.RevokedAtMs = d.now().UnixMilli()
		}
		t.Hash, t.Scopes = "", sorted(t.Scopes)
		dev.keep(role, t)
		atMs = t.RevokedAtMs
		return true, nil
	})
	return atMs, err
}

func (dev *device) keep(role string, t token) {
	if dev.Tokens == nil {
		dev.Tokens = map[string]token{}
	}
	dev.Tokens[role] = t
}

// scopesOf are the scopes that matter to a role: only operators have any.
func scopesOf(role string, scopes []string) []string {
	if role == "operator" {
		return scopes
	}
	return []string{}
}
