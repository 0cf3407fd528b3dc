package pairing

import (
	"cmp"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/profile/store"
)

var (
	// ErrNotPaired says that the device is not paired, or not for the role and
	// the scopes that it asks for.
	ErrNotPaired = errors.New("pairing required")
	// ErrUnknownDevice says that no such device is paired in that role.
	ErrUnknownDevice = errors.New("unknown deviceId/role")
	// ErrToken says that a token is not the one of the device's role.
	ErrToken = errors.New("device token mismatch")
	// ErrScopes says that a token should have scopes that the device has not.
	ErrScopes = errors.New("the device was not approved for these scopes")
)

// Devices are the devices of a profile. They are safe from many goroutines.
type Devices struct {
	store   *store.Store
	paired  store.Keyspace[device]
	waiting waiting[deviceRequest]
	now     func() time.Time
}

// NewDevices returns the devices in the store, under gateway/device and
// gateway/device-request.
func NewDevices(s *store.Store) *Devices { return newDevices(s, time.Now) }

func newDevices(s *store.Store, now func() time.Time) *Devices {
	return &Devices{
		store: s, now: now,
		paired:  store.NewKeyspace[device](s, "gateway", "device"),
		waiting: waiting[deviceRequest]{store.NewKeyspace[deviceRequest](s, "gateway", "device-request"), now},
	}
}

// device is a paired device as it is kept, under its id.
type device struct {
	PublicKey    string           `json:"publicKey"`
	DisplayName  string           `json:"displayName,omitempty"`
	Renamed      string           `json:"renamed,omitempty"` // an operator's name for it, which goes first
	Platform     string           `json:"platform,omitempty"`
	ClientID     string           `json:"clientId,omitempty"`
	ClientMode   string           `json:"clientMode,omitempty"`
	Role         string           `json:"role"`
	Roles        []string         `json:"roles"`
	Scopes       []string         `json:"scopes"`
	RemoteIP     string           `json:"remoteIp,omitempty"`
	CreatedAtMs  int64            `json:"createdAtMs"`
	ApprovedAtMs int64            `json:"approvedAtMs"`
	Tokens       map[string]token `json:"tokens,omitempty"` // by role
}

// deviceRequest is a request as it is kept, under its id.
type deviceRequest msg.DeviceRequest

func (r deviceRequest) requestID() string { return r.RequestID }
func (r deviceRequest) subject() string   { return r.DeviceID + " " + r.Role } // apps connect in both roles at once
func (r deviceRequest) address() string   { return r.RemoteIP }
func (r deviceRequest) askedAt() int64    { return r.TS }

// Ask is a device and what it wants.
type Ask struct {
	DeviceID    string // the hash of its key, which it has proven to hold
	PublicKey   string
	DisplayName string
	Platform    string
	ClientID    string
	ClientMode  string
	Role        string
	Scopes      []string // none asks for what there is
	RemoteIP    string
}

// Admit returns the scopes that the device has of those it asks for, or
// ErrNotPaired when it should ask to be paired.
func (d *Devices) Admit(a Ask) (scopes []string, err error) {
	dev, err := d.paired.Get(a.DeviceID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrNotPaired
	case err != nil:
		return nil, err
	case dev.PublicKey != a.PublicKey, !dev.has(a.Role), !covers(dev.Scopes, a.Scopes):
		return nil, ErrNotPaired
	case len(a.Scopes) == 0:
		return dev.Scopes, nil
	}
	return a.Scopes, nil
}

// has says whether the device may have the role.
func (dev device) has(role string) bool {
	return slices.Contains(dev.Roles, role) && dev.Tokens[role].RevokedAtMs == 0
}

// covers says whether who has the scopes may do all that is asked.
func covers(scopes, asked []string) bool {
	return !slices.ContainsFunc(asked, func(s string) bool { return !rpc.Holds(scopes, s) })
}

// Request lets the device wait for an operator. created is false when it waits
// already. It returns a *FullError when too many wait, and ErrTooLarge.
func (d *Devices) Request(a Ask) (waits msg.DeviceRequest, created bool, err error) {
	r := deviceRequest{
		RequestID: rand.Text(), DeviceID: a.DeviceID, PublicKey: a.PublicKey, DisplayName: a.DisplayName, Platform: a.Platform,
		ClientID: a.ClientID, ClientMode: a.ClientMode, Role: a.Role, Scopes: sorted(a.Scopes), RemoteIP: a.RemoteIP, TS: d.now().UnixMilli(),
	}
	err = d.store.Update(func(tx *store.Tx) error {
		_, err := d.paired.With(tx).Get(a.DeviceID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		r.IsRepair = err == nil
		r, created, err = d.waiting.with(tx).add(r, func(old deviceRequest) bool {
			return old.Role == r.Role && slices.Equal(old.Scopes, r.Scopes)
		})
		return err
	})
	return msg.DeviceRequest(r), created, err
}

// Approve pairs the device whose request it is. allow may refuse, with an error
// that Approve returns; then the request stays. It returns ErrUnknownRequest.
func (d *Devices) Approve(requestID string, allow func(msg.DeviceRequest) error) (msg.Device, error) {
	var approved msg.Device
	err := d.store.Update(func(tx *store.Tx) error {
		r, err := d.waiting.with(tx).take(requestID)
		if err == nil {
			err = allow(msg.DeviceRequest(r))
		}
		if err != nil {
			return err
		}
		dev, err := d.paired.With(tx).Get(r.DeviceID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		dev.approve(r, d.now().UnixMilli())
		approved = dev.told(r.DeviceID)
		return d.paired.With(tx).Put(r.DeviceID, dev)
	})
	return approved, err
}

// approve adds what the request asks for, to the role's token too. One that was
// revoked is forgotten, and so are its role's scopes: who approves gives no more
// than he sees.
func (dev *device) approve(r deviceRequest, now int64) {
	if dev.CreatedAtMs == 0 {
		dev.PublicKey, dev.CreatedAtMs = r.PublicKey, now
	}
	switch t, has := dev.Tokens[r.Role]; {
	case t.RevokedAtMs != 0:
		delete(dev.Tokens, r.Role)
		if r.Role == "operator" { // nobody else has scopes
			dev.Scopes = nil
		}
	case has:
		t.Scopes = sorted(append(t.Scopes, scopesOf(r.Role, r.Scopes)...))
		dev.Tokens[r.Role] = t
	}
	dev.DisplayName, dev.Platform = r.DisplayName, r.Platform
	dev.ClientID, dev.ClientMode, dev.RemoteIP = r.ClientID, r.ClientMode, r.RemoteIP
	dev.Role, dev.ApprovedAtMs = r.Role, now
	dev.Roles = sorted(append(dev.Roles, r.Role))
	dev.Scopes = sorted(append(dev.Scopes, r.Scopes...))
}

// sorted returns the words, each once; never nil.
func sorted(words []string) []string {
	list := append([]string{}, words...)
	slices.Sort(list)
	return slices.Compact(list)
}

// Reject removes a request. It returns ErrUnknownRequest.
func (d *Devices) Reject(requestID string) (msg.DeviceRequest, error) {
	var r deviceRequest
	err := d.store.Update(func(tx *store.Tx) (err error) {
		r, err = d.waiting.with(tx).take(requestID)
		return err
	})
	return msg.DeviceRequest(r), err
}

// Remove forgets a paired device. It returns ErrUnknownDevice.
func (d *Devices) Remove(id string) error {
	return d.change(id, func(*device) (keep bool, err error) { return false, nil })
}

// Rename gives the device a name of the operator's. It returns ErrUnknownDevice.
func (d *Devices) Rename(id, name string) error {
	return d.change(id, func(dev *device) (bool, error) {
		dev.Renamed = name
		return true, nil
	})
}

// change applies fn to a paired device in one update; one that fn does not keep
// is removed. It returns ErrUnknownDevice.
func (d *Devices) change(id string, fn func(*device) (keep bool, err error)) error {
	return d.store.Update(func(tx *store.Tx) error {
		dev, err := d.paired.With(tx).Get(id)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
			return ErrUnknownDevice
		}
		if err != nil {
			return err
		}
		keep, err := fn(&dev)
		switch {
		case err != nil:
			return err
		case keep:
			return d.paired.With(tx).Put(id, dev)
		}
		return d.paired.With(tx).Delete(id)
	})
}

// List returns the devices that wait and those that are paired, the newest first.
func (d *Devices) List() (msg.DevicePairings, error) {
	list := msg.DevicePairings{Pending: []msg.DeviceRequest{}, Paired: []msg.Device{}}
	requests, _, err := d.waiting.list()
	if err != nil {
		return list, err
	}
	for _, r := range requests {
		list.Pending = append(list.Pending, msg.DeviceRequest(r))
	}
	for e, err := range d.paired.All() {
		if err != nil {
			return list, err
		}
		list.Paired = append(list.Paired, e.Value.told(e.ID))
	}
	slices.SortStableFunc(list.Paired, func(a, b msg.Device) int { return int(b.ApprovedAtMs - a.ApprovedAtMs) })
	return list, nil
}

// Role returns the paired devices that have the role, by their ids.
func (d *Devices) Role(role string) (map[string]msg.Device, error) {
	found := map[string]msg.Device{}
	for e, err := range d.paired.All() {
		if err != nil {
			return nil, err
		}
		if e.Value.has(role) {
			found[e.ID] = e.Value.told(e.ID)
		}
	}
	return found, nil
}

// told is what operators see of a device.
func (dev device) told(id string) msg.Device {
	d := msg.Device{
		DeviceID: id, PublicKey: dev.PublicKey, DisplayName: cmp.Or(dev.Renamed, dev.DisplayName), Platform: dev.Platform,
		ClientID: dev.ClientID, ClientMode: dev.ClientMode, Role: dev.Role, Roles: dev.Roles, Scopes: dev.Scopes,
		RemoteIP: dev.RemoteIP, CreatedAtMs: dev.CreatedAtMs, ApprovedAtMs: dev.ApprovedAtMs, Tokens: []msg.DeviceToken{},
	}
	for _, role := range slices.Sorted(maps.Keys(dev.Tokens)) {
		d.Tokens = append(d.Tokens, dev.Tokens[role].told(role))
	}
	return d
}
