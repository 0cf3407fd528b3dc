package gateway

import (
	"context"
	"maps"
	"strings"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/rpc"
	"clawdbot/bus/subject"
)

// subscribe listens to the bus and serves the gateway's own methods. Serve
// flushes, so all of it has reached the bus.
func (s *Server) subscribe() error {
	sp := s.cfg.Subjects
	var err error
	if s.health, err = bus.NewHealth(s.nc, sp, s.Name()); err != nil {
		return err
	}
	heard, err := s.hears()
	if err != nil {
		return err
	}
	for subj, hear := range heard {
		if _, err := s.nc.Subscribe(subj, hear); err != nil {
			return err
		}
	}
	endpoints, err := s.endpoints()
	if err != nil {
		return err
	}
	s.service, err = bus.Serve(bus.ServiceConfig{
		Name: s.Name(), Version: s.cfg.Version, Description: "control plane: WebSocket and HTTP on the base port",
		Profile: sp.Profile(), Conn: s.nc, Endpoints: endpoints, Probe: s.probe,
	})
	return err
}

// hears are the subjects that the gateway listens to.
func (s *Server) hears() (map[string]nats.MsgHandler, error) {
	sp := s.cfg.Subjects
	incident, err := sp.Event("incident")
	if err != nil {
		return nil, err
	}
	asked, err := s.asksFor(map[string]nats.MsgHandler{
		"incidents.list": s.state.hearIncidents,
		"component.list": s.state.hearComponents,
		"agent.summary":  s.state.hearAgents,
	})
	if err != nil {
		return nil, err
	}
	figures, err := s.askFigures()
	if err != nil {
		return nil, err
	}
	all := map[string]nats.MsgHandler{
		sp.Events():           s.forwardEvent,
		sp.Clients():          s.forwardToOne,
		subject.AnyHealth:     s.state.hearHealth,
		sp.Kind("config"):     s.state.hearConfig,
		incident:              s.state.hearIncident,
		s.methods.inbox + "*": s.methods.hear,
		s.calls.inbox + "*":   s.calls.hear,
	}
	maps.Copy(all, asked)
	maps.Copy(all, figures)
	return all, nil
}

// asksFor has methods of others asked by look, and returns where their answers
// come.
func (s *Server) asksFor(methods map[string]nats.MsgHandler) (map[string]nats.MsgHandler, error) {
	inboxes := map[string]nats.MsgHandler{}
	for method, hear := range methods {
		subj, err := s.cfg.Subjects.RPC(method)
		if err != nil {
			return nil, err
		}
		a := ask{subject: subj, inbox: s.nc.NewInbox()}
		s.asks = append(s.asks, a)
		inboxes[a.inbox] = hear
	}
	return inboxes, nil
}

// endpoints are the methods that the gateway answers itself.
func (s *Server) endpoints() ([]bus.Endpoint, error) {
	var all []bus.Endpoint
	for _, of := range []func() ([]bus.Endpoint, error){
		s.ownEndpoints, s.deviceEndpoints, s.nodeEndpoints,
	} {
		list, err := of()
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func (s *Server) ownEndpoints() ([]bus.Endpoint, error) {
	methods := map[string]bus.Handler{
		"status":       s.serveStatus,
		"rpc.schema":   func(context.Context, *bus.Request) (any, error) { return bus.Raw(rpc.Schema()), nil },
		"system-event": s.serveSystemEvent,
		"bus.publish":  s.servePublish,
		"bus.tail":     s.tails.serveTail,
		"bus.untail":   s.tails.serveUntail,
	}
	fromMemory := map[string]bus.Handler{
		"health":          s.cached(func() any { return s.healthNow() }),
		"system-presence": s.cached(func() any { return s.presence() }),
	}
	var list []bus.Endpoint
	for _, group := range []map[string]bus.Handler{methods, fromMemory} {
		for method, handle := range group {
			e, err := s.endpoint(method, handle)
			if err != nil {
				return nil, err
			}
			_, e.Inline = fromMemory[method]
			list = append(list, e)
		}
	}
	return list, nil
}

// endpoint is the endpoint of a method.
func (s *Server) endpoint(method string, handle bus.Handler) (bus.Endpoint, error) {
	subj, err := s.cfg.Subjects.RPC(method)
	return bus.Endpoint{Name: strings.ReplaceAll(method, ".", "-"), Subject: subj, Handle: handle}, err
}
