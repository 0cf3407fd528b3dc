package gateway

import (
	"container/list"
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// maxStrangers bounds the connections of those who have not said who they are:
// still silent ones, ones with half a request or one that has not passed the gate,
// ones in their handshake, HTTP clients between two requests.
const maxStrangers = 512

// door knows the strangers. One more than maxStrangers closes the oldest, so a
// crowd that says nothing takes neither the file descriptors nor the turn of those
// who do.
type door struct {
	quiet *quiet

	mu        sync.Mutex
	strangers list.List // of net.Conn, the oldest first
	places    map[net.Conn]*list.Element
}

func newDoor(q *quiet) *door { return &door{quiet: q, places: map[net.Conn]*list.Element{}} }

// state implements http.Server.ConnState. Who has a request under way is the newest
// stranger: its body may never come. A WebSocket in its handshake is one as well:
// wait and leave tell of it.
func (d *door) state(c net.Conn, state http.ConnState) {
	d.leave(c)
	switch state {
	case http.StateNew, http.StateActive, http.StateIdle:
		d.wait(c)
	}
}

type connKey struct{}

// context implements http.Server.ConnContext, for known.
func (d *door) context(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// known takes the request's connection off the list until the request is done: it
// has passed the gate.
func (d *door) known(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		d.leave(c)
	}
}

// wait puts a connection on the list, and closes the oldest one too many.
func (d *door) wait(c net.Conn) {
	d.mu.Lock()
	if d.places[c] == nil {
		d.places[c] = d.strangers.PushBack(c)
	}
	var oldest net.Conn
	if d.strangers.Len() > maxStrangers {
		oldest = d.strangers.Remove(d.strangers.Front()).(net.Conn)
		delete(d.places, oldest)
	}
	d.mu.Unlock()
	if oldest != nil {
		d.quiet.say(slog.LevelWarn, "closed the oldest of too many connections that said nothing", "", "most", maxStrangers)
		_ = oldest.Close() // it may be closed
	}
}

// leave takes a connection off the list: it is known now, or gone.
func (d *door) leave(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if place := d.places[c]; place != nil {
		d.strangers.Remove(place)
		delete(d.places, c)
	}
}
