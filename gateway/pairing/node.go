package pairing

import (
	"cmp"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// ErrUnknownNode says that no such node is paired.
var ErrUnknownNode = errors.New("unknown nodeId")

// Nodes are the nodes of a profile that come in over the bridge. They are safe
// from many goroutines.
type Nodes struct {
	store   *store.Store
	paired  store.Keyspace[node]
	waiting waiting[nodeRequest]
	now     func() time.Time
}

// NewNodes returns the nodes in the store, under gateway/node and
// gateway/node-request.
func NewNodes(s *store.Store) *Nodes { return newNodes(s, time.Now) }

func newNodes(s *store.Store, now func() time.Time) *Nodes {
	return &Nodes{
		store: s, now: now,
		paired:  store.NewKeyspace[node](s, "gateway", "node"),
		waiting: waiting[nodeRequest]{store.NewKeyspace[nodeRequest](s, "gateway", "node-request"), now},
	}
}

// node is a paired node as it is kept, under its id. Its Token is never kept.
type node struct {
	msg.PairedNode
	TokenHash string `json:"tokenHash"`         // SHA-256, in hex
	Renamed   string `json:"renamed,omitempty"` // an operator's name for it, which goes first
}

func (n node) told() msg.PairedNode {
	p := n.PairedNode
	p.DisplayName = cmp.Or(n.Renamed, p.DisplayName)
	return p
}

// nodeRequest is a request as it is kept, under its id.
type nodeRequest struct {
	msg.NodeRequest
	TokenHash string `json:"tokenHash,omitempty"` // "" has approving make a token
}

func (r nodeRequest) requestID() string { return r.RequestID }
func (r nodeRequest) subject() string   { return r.NodeID }
func (r nodeRequest) address() string   { return r.RemoteIP }
func (r nodeRequest) askedAt() int64    { return r.TS }

// looksLike says whether an operator sees the same in both.
func (r nodeRequest) looksLike(old nodeRequest) bool {
	return old.RemoteIP == r.RemoteIP && old.DisplayName == r.DisplayName && old.Platform == r.Platform &&
		slices.Equal(old.Caps, r.Caps) && slices.Equal(old.Commands, r.Commands)
}

// Request lets a node wait for an operator. created is false when it waits
// already; then only the token's hash is the newer one, for a node that asks
// again has lost the connection by which it was to get its token. It returns a
// *FullError when too many wait, and ErrTooLarge.
func (n *Nodes) Request(p msg.NodePairRequest) (waits msg.NodeRequest, created bool, err error) {
	r := nodeRequest{TokenHash: p.TokenHash, NodeRequest: msg.NodeRequest{
		RequestID: rand.Text(), NodeID: p.NodeID, DisplayName: p.DisplayName, Platform: p.Platform, Version: p.Version,
		CoreVersion: p.CoreVersion, UIVersion: p.UIVersion, DeviceFamily: p.DeviceFamily, ModelIdentifier: p.ModelIdentifier,
		Caps: sorted(p.Caps), Commands: sorted(p.Commands), Permissions: p.Permissions,
		RemoteIP: p.RemoteIP, Silent: p.Silent, TS: n.now().UnixMilli(),
	}}
	err = n.store.Update(func(tx *store.Tx) error {
		_, err := n.paired.With(tx).Get(p.NodeID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		r.IsRepair = err == nil
		r, created, err = n.waiting.with(tx).add(r, r.looksLike)
		if err != nil || created || r.TokenHash == p.TokenHash {
			return err
		}
		r.TokenHash = p.TokenHash
		return n.waiting.with(tx).kept.Put(r.RequestID, r)
	})
	return r.NodeRequest, created, err
}

// Approve pairs the node whose request it is. The answer has the token, unless
// the request came with its hash. It returns ErrUnknownRequest.
func (n *Nodes) Approve(requestID string) (msg.PairedNode, error) {
	var approved msg.PairedNode
	err := n.store.Update(func(tx *store.Tx) error {
		r, err := n.waiting.with(tx).take(requestID)
		if err != nil {
			return err
		}
		old, err := n.paired.With(tx).Get(r.NodeID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		now := n.now().UnixMilli()
		paired := node{TokenHash: r.TokenHash, Renamed: old.Renamed, PairedNode: msg.PairedNode{
			NodeID: r.NodeID, DisplayName: r.DisplayName, Platform: r.Platform, Version: r.Version,
			CoreVersion: r.CoreVersion, UIVersion: r.UIVersion, DeviceFamily: r.DeviceFamily, ModelIdentifier: r.ModelIdentifier,
			Caps: r.Caps, Commands: r.Commands, Permissions: r.Permissions, RemoteIP: r.RemoteIP,
			CreatedAtMs: cmp.Or(old.CreatedAtMs, now), ApprovedAtMs: now, LastConnectedAtMs: old.LastConnectedAtMs,
		}}
		made := ""
		if paired.TokenHash == "" {
			made, paired.TokenHash = newToken()
		}
		approved = paired.told()
		approved.Token = made
		return n.paired.With(tx).Put(r.NodeID, paired)
	})
	if err != nil {
		return msg.PairedNode{}, err
	}
	return approved, nil
}

// Reject removes a request. It returns ErrUnknownRequest.
func (n *Nodes) Reject(requestID string) (msg.NodeRequest, error) {
	var r nodeRequest
	err := n.store.Update(func(tx *store.Tx) (err error) {
		r, err = n.waiting.with(tx).take(requestID)
		return err
	})
	return r.NodeRequest, err
}

// Verify returns the node whose token has the hash, or ErrToken.
func (n *Nodes) Verify(id, hash string) (msg.PairedNode, error) {
	p, err := n.paired.Get(id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
		return msg.PairedNode{}, ErrToken
	}
	if err != nil {
		return msg.PairedNode{}, err
	}
	if !equal(p.TokenHash, hash) {
		return msg.PairedNode{}, ErrToken
	}
	now := n.now().UnixMilli()
	if now-p.LastConnectedAtMs >= useEvery.Milliseconds() {
		err = n.change(id, func(p *node) { p.LastConnectedAtMs = now })
	}
	if err != nil {
		return msg.PairedNode{}, err
	}
	return p.told(), nil
}

// Rename gives a node a name of the operator's. It returns ErrUnknownNode.
func (n *Nodes) Rename(id, name string) error {
	return n.change(id, func(p *node) { p.Renamed = name })
}

func (n *Nodes) change(id string, fn func(*node)) error {
	return n.store.Update(func(tx *store.Tx) error {
		p, err := n.paired.With(tx).Get(id)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrKey) {
			return ErrUnknownNode
		}
		if err != nil {
			return err
		}
		fn(&p)
		return n.paired.With(tx).Put(id, p)
	})
}

// List returns the nodes that wait and those that are paired, the newest first.
func (n *Nodes) List() (msg.NodePairings, error) {
	list := msg.NodePairings{Pending: []msg.NodeRequest{}, Paired: []msg.PairedNode{}}
	requests, _, err := n.waiting.list()
	if err != nil {
		return list, err
	}
	for _, r := range requests {
		list.Pending = append(list.Pending, r.NodeRequest)
	}
	for e, err := range n.paired.All() {
		if err != nil {
			return list, err
		}
		list.Paired = append(list.Paired, e.Value.told())
	}
	slices.SortStableFunc(list.Paired, func(a, b msg.PairedNode) int { return int(b.ApprovedAtMs - a.ApprovedAtMs) })
	return list, nil
}
