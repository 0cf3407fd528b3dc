package browser

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"clawdbot/browser/capture"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
)

const (
	frameEvent = "browser.frame"
	// frameEvery is the least time between two frames of a tab.
	frameEvery = 100 * time.Millisecond
	// viewLease is how long a client gets frames unless it asks again.
	viewLease = 10 * time.Second
)

// views are the tabs that clients of the gateway watch. A tab has one cast,
// however many watch it, and none when nobody does.
type views struct {
	server *Server

	mu   sync.Mutex
	open map[*tab.Tab]*view
}

// view is one watched tab. All but the first two is under the lock of views.
type view struct {
	browser *browser
	tab     *tab.Tab
	leases  map[string]time.Time // when they end, by the connection at the gateway
	last    *msg.BrowserFrame    // nil before the first one
	pause   context.CancelFunc   // ends the cast; nil while there is none
}

// viewEndpoints are the methods of live views.
func (s *Server) viewEndpoints() ([]bus.Endpoint, error) {
	var list []bus.Endpoint
	for name, handle := range map[string]bus.Handler{"watch": s.views.watch, "unwatch": s.views.unwatch} {
		subj, err := s.cfg.Subjects.RPC("browser." + name)
		if err != nil {
			return nil, err
		}
		list = append(list, bus.Endpoint{Name: name, Subject: subj, Handle: handle})
	}
	return list, nil
}

// watch is rpc.browser.watch. Who may ask was checked at the gateway.
func (vs *views) watch(ctx context.Context, r *bus.Request) (any, error) {
	var in msg.BrowserWatch
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	conn := r.Header.Get(rpc.HeaderConn)
	if conn == "" {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "browser.watch is for clients of the gateway; a service on the bus asks for screenshots")
	}
	if !vs.server.cfg.Settings.Enabled || vs.server.cfg.Remote != nil {
		return nil, bus.Errorf(bus.CodeUnavailable, "browser.watch shows the browsers of this host, and browser control is off or on another one")
	}
	b, err := vs.server.browsers.named(in.Profile)
	if err != nil {
		return nil, busError(err)
	}
	_, t, err := b.look(ctx, in.TargetID) // to look at a tab is no use of it
	if err != nil {
		return nil, busError(err)
	}
	if err := vs.join(b, t, conn); err != nil {
		return nil, err
	}
	return msg.BrowserWatched{Profile: b.name, TargetID: string(t.ID()), LeaseMs: viewLease.Milliseconds()}, nil
}

// join renews the connection's lease. A new one gets the last frame at once, as
// the page may not change for long.
func (vs *views) join(b *browser, t *tab.Tab, conn string) error {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if vs.server.life.Err() != nil {
		return errStopping
	}
	v := vs.open[t]
	if v == nil {
		v = &view{browser: b, tab: t, leases: map[string]time.Time{}}
		vs.open[t] = v
		vs.server.running.Go(func() { vs.run(v) })
	}
	if _, renewed := v.leases[conn]; !renewed && v.last != nil {
		vs.send(*v.last, conn)
	}
	v.leases[conn] = time.Now().Add(viewLease)
	return nil
}

// unwatch is rpc.browser.unwatch.
func (vs *views) unwatch(_ context.Context, r *bus.Request) (any, error) {
	var in msg.BrowserWatch
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	conn := r.Header.Get(rpc.HeaderConn)
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for t, v := range vs.open {
		if _, ok := v.leases[conn]; ok && string(t.ID()) == in.TargetID {
			delete(v.leases, conn)
			v.rest()
			return msg.OK{OK: true}, nil
		}
	}
	return nil, bus.Errorf(bus.CodeInvalidRequest, "browser.unwatch: this connection does not watch a tab %.64q", in.TargetID)
}

// rest pauses the cast when nobody watches.
func (v *view) rest() {
	now := time.Now()
	for conn, until := range v.leases {
		if now.After(until) {
			delete(v.leases, conn)
		}
	}
	if len(v.leases) == 0 && v.pause != nil {
		v.pause()
	}
}

// run casts the tab as long as anybody watches, and then forgets it.
func (vs *views) run(v *view) {
	defer v.browser.using.begin()()
	for {
		ctx, pause := context.WithCancel(vs.server.life)
		if !vs.resume(v, pause) {
			pause()
			return
		}
		err := vs.cast(ctx, v)
		pause()
		if err != nil {
			vs.lose(v, err)
			return
		}
	}
}

// resume forgets a tab that nobody watches any more, and returns false then.
func (vs *views) resume(v *view, pause context.CancelFunc) bool {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if len(v.leases) == 0 || vs.server.life.Err() != nil {
		delete(vs.open, v.tab)
		return false
	}
	v.pause = pause
	return true
}

// cast shows the tab to those who watch until ctx ends, or the tab.
func (vs *views) cast(ctx context.Context, v *view) error {
	ended := make(chan error, 1)
	vs.server.running.Go(func() {
		ended <- capture.Cast(ctx, v.tab, frameEvery, func(f capture.Frame) { vs.show(v, f) })
	})
	check := time.NewTicker(viewLease / 4)
	defer check.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-check.C:
			vs.mu.Lock()
			v.rest()
			vs.mu.Unlock()
		}
	}
}

func (vs *views) show(v *view, f capture.Frame) {
	frame := v.frame()
	if f.Hidden {
		frame.Hidden = true
	} else {
		frame.ContentType, frame.Data, frame.Width, frame.Height = "image/jpeg", f.JPEG, f.Width, f.Height
	}
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v.last = &frame
	for conn := range v.leases {
		vs.send(frame, conn)
	}
}

func (v *view) frame() msg.BrowserFrame {
	return msg.BrowserFrame{Profile: v.browser.name, TargetID: string(v.tab.ID()), TS: time.Now().UnixMilli()}
}

// lose tells those who watch that the tab cannot be seen any more.
func (vs *views) lose(v *view, why error) {
	frame := v.frame()
	frame.Ended = why.Error()
	if errors.Is(why, devtools.ErrDetached) {
		frame.Ended = "the tab was closed"
	}
	vs.mu.Lock()
	defer vs.mu.Unlock()
	delete(vs.open, v.tab)
	for conn := range v.leases {
		vs.send(frame, conn)
	}
}

// send sends a frame to one client of the gateway. A frame that cannot be sent is
// followed by a newer one.
func (vs *views) send(frame msg.BrowserFrame, conn string) {
	subj, err := vs.server.cfg.Subjects.Client(conn)
	if err == nil {
		payload, _ := json.Marshal(frame)                                             // plain structs
		body, _ := json.Marshal(msg.ClientEvent{Event: frameEvent, Payload: payload}) // always encode
		err = vs.server.nc.Publish(subj, body)
	}
	if err != nil {
		vs.server.cfg.Log.Debug("frame not sent", "conn", conn, "err", err)
	}
}
