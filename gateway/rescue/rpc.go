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

// PeersList is the answer of rpc.peers.list.
type PeersList struct {
	TS    int64      `json:"ts"`
	Peers []msg.Peer `json:"peers"`
}

// IncidentsQuery is asked of rpc.incidents.list and, with an ID, of incidents.show.
type IncidentsQuery struct {
	Peer  string `json:"peer,omitempty"`  // "" means all
	Limit int    `json:"limit,omitempty"` // the newest so many; 0 means 50
	ID    string `json:"id,omitempty"`    // may be cut to what is unique; "last" is the newest
}

// IncidentsList is the answer of rpc.incidents.list, the newest first, without
// the log lines and the difference of the configs.
type IncidentsList struct {
	Incidents []msg.Incident `json:"incidents"`
}

// IncidentShown is the answer of rpc.incidents.show.
type IncidentShown struct {
	Incident msg.Incident `json:"incident"`
}

// Status is the answer of rpc.rescue.status.
type Status struct {
	Policy string       `json:"policy"` // of the config; "" when it says none
	Peers  []PeerStatus `json:"peers"`
}

// PeerStatus is what this gateway would do about a peer.
type PeerStatus struct {
	Profile         string      `json:"profile"`
	Verdict         msg.Verdict `json:"verdict"`
	Policy          string      `json:"policy"`
	Why             string      `json:"why,omitempty"` // of the policy observe
	Managed         bool        `json:"managed"`
	Manager         string      `json:"manager,omitempty"`
	Held            bool        `json:"held"`
	HeldReason      string      `json:"heldReason,omitempty"`
	Maintenance     bool        `json:"maintenance"`
	RepairsInWindow int         `json:"repairsInWindow"`
	NextAction      string      `json:"nextAction,omitempty"`
	Incident        string      `json:"incident,omitempty"` // id of the open one
	Lease           string      `json:"lease,omitempty"`    // who works on it now
}

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
	list := PeersList{TS: time.Now().UnixMilli()}
	err := s.call(ctx, func(now time.Time) error { list.Peers = s.peers(now); return nil })
	return list, err
}

func (s *Server) incidentsList(_ context.Context, r *bus.Request) (any, error) {
	q := IncidentsQuery{Limit: 50}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	all, err := s.book.all()
	if err != nil && len(all) == 0 {
		return nil, err
	}
	list := IncidentsList{Incidents: []msg.Incident{}}
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
	var q IncidentsQuery
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	i, err := s.book.find(q.ID)
	return IncidentShown{i}, err
}

func (s *Server) rescueStatus(ctx context.Context, _ *bus.Request) (any, error) {
	st := Status{Policy: s.cfg.Settings().Policy, Peers: []PeerStatus{}}
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
	slices.SortFunc(st.Peers, func(a, b PeerStatus) int { return cmp.Compare(a.Profile, b.Profile) })
	return st, err
}

func (s *Server) peerStatus(t *track, d *dossier, now time.Time) PeerStatus {
	i := s.instances[t.name]
	p := PeerStatus{
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
