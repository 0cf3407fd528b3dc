package rescue

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// keepIncidents is how many are kept; retryWrite is the pause after a write that
// failed, as on a full disk.
const (
	keepIncidents = 200
	retryWrite    = 2 * time.Second
)

// The kinds of what is kept.
const (
	kindIncident = "incident" // msg.Incident by id
	kindHold     = "hold"     // Hold by peer
	kindNotice   = "notice"   // notice by id
)

// book keeps records in the store. It writes beside the watch loop: a slow disk
// must not make the observer late. It is safe from many goroutines.
type book struct {
	store *store.Store
	tell  func(error) // of each change between writing well, nil, and not

	mu      sync.Mutex
	waiting map[page]json.RawMessage // what is not written yet; nil is to be removed
	wake    chan struct{}
}

type page struct{ kind, id string }

func newBook(s *store.Store, tell func(error)) *book {
	return &book{store: s, tell: tell, waiting: map[page]json.RawMessage{}, wake: make(chan struct{}, 1)}
}

func (b *book) space(kind string) store.Keyspace[json.RawMessage] {
	return store.NewKeyspace[json.RawMessage](b.store, "rescue", kind)
}

// put keeps a body, soon; nil removes what is there.
func (b *book) put(kind, id string, body json.RawMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting[page{kind, id}] = body
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, and then what is left.
func (b *book) run(ctx context.Context) {
	var retry <-chan time.Time
	failed := false
	for {
		select {
		case <-ctx.Done():
			if err := b.write(); err != nil {
				b.tell(err)
			}
			return
		case <-b.wake:
		case <-retry:
		}
		err := b.write()
		retry = nil
		if err != nil {
			retry = time.After(retryWrite)
		}
		if failed != (err != nil) {
			failed = err != nil
			b.tell(err)
		}
	}
}

// write writes what waits, all or none. What cannot be written waits on.
func (b *book) write() error {
	b.mu.Lock()
	batch := maps.Clone(b.waiting)
	b.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := b.store.Update(func(tx *store.Tx) error {
		for p, body := range batch {
			space, err := b.space(p.kind).With(tx), error(nil)
			if body == nil {
				err = space.Delete(p.id)
			} else {
				err = space.Put(p.id, body)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep incidents: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for p, body := range batch {
		if now, ok := b.waiting[p]; ok && bytes.Equal(now, body) && (now == nil) == (body == nil) {
			delete(b.waiting, p)
		}
	}
	return nil
}

// bodies returns what is kept of a kind, by id. What could be read comes with the error.
func (b *book) bodies(kind string) (map[string]json.RawMessage, error) {
	found := map[string]json.RawMessage{}
	var failed error
	for e, err := range b.space(kind).All() {
		if err != nil {
			failed = err
			break
		}
		found[e.ID] = e.Value
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for p, body := range b.waiting {
		switch {
		case p.kind != kind:
		case body == nil:
			delete(found, p.id)
		default:
			found[p.id] = body
		}
	}
	return found, failed
}

// all returns every incident, the oldest first. One that cannot be read is left out.
func (b *book) all() ([]msg.Incident, error) {
	bodies, failed := b.bodies(kindIncident)
	list := make([]msg.Incident, 0, len(bodies))
	for _, body := range bodies {
		var i msg.Incident
		if err := json.Unmarshal(body, &i); err == nil {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(x, y msg.Incident) int { return cmp.Compare(x.ID, y.ID) })
	return list, failed
}

// trim forgets the oldest resolved incidents beyond those that are kept.
func (b *book) trim(list []msg.Incident) {
	surplus := len(list) - keepIncidents
	for _, i := range list {
		if surplus <= 0 {
			return
		}
		if i.State == msg.IncidentResolved {
			b.put(kindIncident, i.ID, nil)
			surplus--
		}
	}
}

// find returns the incident whose id is or begins with id; "last" is the newest.
func (b *book) find(id string) (msg.Incident, error) {
	list, err := b.all()
	if err != nil && len(list) == 0 {
		return msg.Incident{}, err
	}
	var found []msg.Incident
	for _, i := range list {
		if i.ID == id {
			return i, nil
		}
		if id != "" && strings.HasPrefix(i.ID, id) {
			found = append(found, i)
		}
	}
	switch {
	case id == "last" && len(list) > 0:
		return list[len(list)-1], nil
	case len(list) == 0:
		return msg.Incident{}, bus.Errorf(bus.CodeInvalidRequest, "there are no incidents")
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return msg.Incident{}, bus.Errorf(bus.CodeInvalidRequest, "%d incidents begin with %q: the first is %s", len(found), id, found[0].ID)
	}
	return msg.Incident{}, bus.Errorf(bus.CodeInvalidRequest, "no incident %q; the newest is %s", id, list[len(list)-1].ID)
}

// holds returns the holds by peer.
func (b *book) holds() (map[string]Hold, error) {
	bodies, err := b.bodies(kindHold)
	list := map[string]Hold{}
	for peer, body := range bodies {
		var h Hold
		if json.Unmarshal(body, &h) == nil {
			list[peer] = h
		}
	}
	return list, err
}
