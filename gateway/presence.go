package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

const (
	// presenceTime is for how long an entry stays that nobody refreshes.
	presenceTime = 5 * time.Minute
	// maxPresence bounds the entries, as in the original.
	maxPresence = 200
)

// people are those who told of themselves in a system-event, by presenceKey.
type people struct {
	mu      sync.Mutex
	entries map[string]msg.Presence
}

func newPeople() *people { return &people{entries: map[string]msg.Presence{}} }

// presenceKey is what two entries of one program have in common.
func presenceKey(p msg.Presence) string {
	return strings.ToLower(cmp.Or(p.InstanceID, p.DeviceID, p.Host))
}

// tell merges an entry into the one with the same key.
func (p *people) tell(e msg.Presence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := presenceKey(e)
	p.entries[key] = merge(p.entries[key], e)
	if len(p.entries) > maxPresence {
		oldest := key
		for k, e := range p.entries {
			if e.TS < p.entries[oldest].TS {
				oldest = k
			}
		}
		delete(p.entries, oldest)
	}
}

// expire forgets who is silent for too long, and says whether there was anyone.
func (p *people) expire(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.entries)
	maps.DeleteFunc(p.entries, func(_ string, e msg.Presence) bool {
		return now.Sub(time.UnixMilli(e.TS)) > presenceTime
	})
	return len(p.entries) < before
}

// all returns a copy.
func (p *people) all() map[string]msg.Presence {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.entries)
}

// merge returns old with everything that e tells.
func merge(old, e msg.Presence) msg.Presence {
	return msg.Presence{
		Host: cmp.Or(e.Host, old.Host), IP: cmp.Or(e.IP, old.IP), Version: cmp.Or(e.Version, old.Version),
		Platform: cmp.Or(e.Platform, old.Platform), DeviceFamily: cmp.Or(e.DeviceFamily, old.DeviceFamily),
		ModelIdentifier: cmp.Or(e.ModelIdentifier, old.ModelIdentifier), LastInputSeconds: cmp.Or(e.LastInputSeconds, old.LastInputSeconds),
		Mode: cmp.Or(e.Mode, old.Mode), DeviceID: cmp.Or(e.DeviceID, old.DeviceID), InstanceID: cmp.Or(e.InstanceID, old.InstanceID),
		Roles: told(e.Roles, old.Roles), Scopes: told(e.Scopes, old.Scopes), Tags: told(e.Tags, old.Tags),
		Reason: cmp.Or(e.Reason, old.Reason), Text: cmp.Or(e.Text, old.Text), TS: max(e.TS, old.TS),
	}
}

func told(list, old []string) []string {
	if len(list) > 0 {
		return list
	}
	return old
}

// presence is the gateway itself, and every client but probes and who else told of
// itself, each program once, the newest first.
func (s *Server) presence() []msg.Presence {
	entries := s.people.all()
	for _, c := range s.hub.connected() {
		if c.seen() {
			e := c.presence()
			key := presenceKey(e)
			entries[key] = merge(e, entries[key])
		}
	}
	list := slices.SortedFunc(maps.Values(entries), func(a, b msg.Presence) int {
		return cmp.Or(cmp.Compare(b.TS, a.TS), strings.Compare(a.InstanceID, b.InstanceID))
	})
	return append([]msg.Presence{s.self()}, list[:min(len(list), maxPresence-1)]...)
}

// self is the gateway's own entry.
func (s *Server) self() msg.Presence {
	e := msg.Presence{
		Host: s.host, IP: hostIP(s.cfg.Listener.Addr()), Version: s.cfg.Version, Platform: runtime.GOOS,
		Mode: "gateway", Reason: "self", TS: time.Now().UnixMilli(),
	}
	e.Text = fmt.Sprintf("Gateway: %s (%s) · clawdbot %s · mode gateway · reason self", e.Host, e.IP, e.Version)
	if isSafe(s.cfg.Generation()) {
		e.Text += " · safe mode"
	}
	return e
}

// hostIP is an address of the host that others may know it by: the listener's own,
// or else the first one that is not loopback.
func hostIP(listener net.Addr) string {
	listens := ""
	if ap, err := netip.ParseAddrPort(listener.String()); err == nil {
		listens = ap.Addr().Unmap().String()
		if !ap.Addr().IsLoopback() && !ap.Addr().IsUnspecified() {
			return listens
		}
	}
	addrs, _ := net.InterfaceAddrs() // without them the listener's must do
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String()
		}
	}
	return listens
}

// presence describes the client. The address of one on this host says nothing.
func (c *session) presence() msg.Presence {
	who := c.connect.Client
	e := msg.Presence{
		Host: cmp.Or(who.DisplayName, who.ID), Version: who.Version, Platform: who.Platform, Mode: who.Mode,
		DeviceFamily: who.DeviceFamily, ModelIdentifier: who.ModelIdentifier, InstanceID: cmp.Or(who.InstanceID, c.id),
		Roles: []string{c.connect.Role}, Scopes: c.connect.Scopes, Reason: "connect", TS: c.since.UnixMilli(),
	}
	if ap, err := netip.ParseAddrPort(c.remote); err == nil && !ap.Addr().Unmap().IsLoopback() {
		e.IP = ap.Addr().Unmap().String()
	}
	if c.connect.Device != nil {
		e.DeviceID = c.connect.Device.ID
	}
	e.Text = fmt.Sprintf("Node: %s · clawdbot %s · mode %s · reason connect", e.Host, e.Version, e.Mode)
	return e
}

// serveSystemEvent merges what the sender says of itself and hands its line to
// the agent. A line that only tells of presence is none for the agent.
func (s *Server) serveSystemEvent(ctx context.Context, r *bus.Request) (any, error) {
	var e msg.SystemEvent
	if err := r.Decode(&e); err != nil {
		return nil, err
	}
	if strings.TrimSpace(e.Text) == "" {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "system-event needs a text")
	}
	p := msg.Presence{
		Host: e.Host, IP: e.IP, Version: e.Version, Platform: e.Platform, DeviceFamily: e.DeviceFamily, ModelIdentifier: e.ModelIdentifier,
		LastInputSeconds: e.LastInputSeconds, Mode: e.Mode, DeviceID: e.DeviceID, Roles: e.Roles, Scopes: e.Scopes, Tags: e.Tags,
		InstanceID: e.InstanceID, Reason: e.Reason, Text: e.Text, TS: time.Now().UnixMilli(),
	}
	if presenceKey(p) != "" {
		s.people.tell(p)
		s.hub.touch()
	}
	if strings.HasPrefix(e.Text, "Node:") {
		return msg.OK{OK: true}, nil
	}
	wake, err := s.cfg.Subjects.RPC("wake")
	if err != nil {
		return nil, err
	}
	line := map[string]string{"mode": "next-heartbeat", "text": e.Text}
	if err := bus.Call(ctx, s.nc, wake, line, nil); err != nil {
		return nil, err
	}
	return msg.OK{OK: true}, nil
}
