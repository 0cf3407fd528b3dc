package rescue

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

func (s *Server) endpoints() ([]bus.Endpoint, error) {
	var list []bus.Endpoint
	for method, handle := range map[string]bus.Handler{
		"peers.list": s.peersList, "incidents.list": s.incidentsList, "incidents.show": s.incidentsShow,
		"rescue.status": s.rescueStatus, "rescue.repair": s.rescueRepair, "rescue.hold": s.rescueHold,
		"rescue.resume": s.rescueResume, "rescue.directive": s.rescueDirective,
	} {
		subj, err := s.cfg.Subjects.RPC(method)
		if err != nil {
			return nil, err
		}
		list = append(list, bus.Endpoint{Name: strings.ReplaceAll(method, ".", "-"), Subject: subj, Handle: handle})
	}
	subj, err := s.cfg.Subjects.Rescue("diagnose")
	if err != nil {
		return nil, err
	}
	return append(list, bus.Endpoint{Name: "diagnose", Subject: subj, Handle: s.diagnose}), nil
}

func (s *Server) peersList(ctx context.Context, _ *bus.Request) (any, error) {
	list := msg.PeersList{TS: time.Now().UnixMilli()}
	err := s.call(ctx, func(now time.Time) error { list.Peers = s.peers(now); return nil })
	return list, err
}

func (s *Server) incidentsList(_ context.Context, r *bus.Request) (any, error) {
	q := msg.IncidentsQuery{Limit: 50}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	all, err := s.book.all()
	if err != nil && len(all) == 0 {
		return nil, err
	}
	list := msg.IncidentsList{Incidents: []msg.Incident{}}
	for _, i := range slices.Backward(all) {
		if q.Peer != "" && i.Peer != q.Peer {
			continue
		}
		if q.Limit > 0 && len(list.Incidents) == q.Limit {
			break
		}
		i.LastLog = nil
		if i.Config != nil {
			i.Config.Diff = ""
		}
		list.Incidents = append(list.Incidents, i)
	}
	return list, nil
}

func (s *Server) incidentsShow(_ context.Context, r *bus.Request) (any, error) {
	var q msg.IncidentQuery
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	i, err := s.book.find(q.ID)
	return msg.IncidentShown{Incident: i}, err
}

func (s *Server) rescueStatus(ctx context.Context, _ *bus.Request) (any, error) {
	st := msg.RescueStatus{Policy: s.cfg.Settings().Policy, Peers: []msg.PeerStatus{}}
	err := s.call(ctx, func(now time.Time) error {
		for name, t := range s.tracks {
			st.Peers = append(st.Peers, s.peerStatus(t, s.dossiers[name], now))
		}
		return nil
	})
	for i, p := range st.Peers {
		if held := s.cfg.Registry.Leased(p.Profile); held != nil {
			st.Peers[i].Lease = held.Error()
		}
	}
	slices.SortFunc(st.Peers, func(a, b msg.PeerStatus) int { return cmp.Compare(a.Profile, b.Profile) })
	return st, err
}

func (s *Server) peerStatus(t *track, d *dossier, now time.Time) msg.PeerStatus {
	i := s.instances[t.name]
	p := msg.PeerStatus{
		Profile: t.name, Verdict: t.peer.Verdict, Managed: i.Manager != "", Manager: i.Manager, Maintenance: i.InMaintenance(now), NextAction: d.next,
	}
	if p.Policy, p.Why = s.policy(i); p.Policy != config.PolicyObserve {
		p.Why = ""
	}
	if d.hold != nil {
		p.Held, p.HeldReason = true, d.hold.Reason
	}
	if d.incident != nil {
		p.Incident = d.incident.ID
	}
	d.forget(now)
	p.RepairsInWindow = len(d.repairs)
	return p
}
