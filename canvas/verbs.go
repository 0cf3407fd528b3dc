package canvas

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// serveBus puts the health and the micro service on the bus: each verb, and the
// method of the gateway's clients that is the same.
func (s *Server) serveBus(version string) (err error) {
	if s.health, err = bus.NewHealth(s.nc, s.subjects, name); err != nil {
		return err
	}
	var endpoints []bus.Endpoint
	for _, v := range []struct {
		name   string
		handle bus.Handler
	}{{"status", s.status}, {"url", s.link}} {
		verb, err := s.subjects.Canvas(v.name)
		if err != nil {
			return err
		}
		method, err := s.subjects.RPC("canvas." + v.name)
		if err != nil {
			return err
		}
		endpoints = append(endpoints,
			bus.Endpoint{Name: v.name, Subject: verb, Handle: v.handle}, bus.Endpoint{Name: "canvas-" + v.name, Subject: method, Handle: v.handle})
	}
	s.svc, err = bus.Serve(bus.ServiceConfig{
		Name: name, Version: version, Description: "pages that the agent makes", Profile: s.subjects.Profile(), Conn: s.nc, Endpoints: endpoints, Probe: s.probe,
	})
	return err
}

func (s *Server) status(context.Context, *bus.Request) (any, error) {
	return msg.CanvasStatus{URL: s.url(filesPath), Root: s.root, LiveReload: s.live, Pages: s.pages.count()}, nil
}

func (s *Server) link(_ context.Context, req *bus.Request) (any, error) {
	var p msg.CanvasQuery
	if err := req.Decode(&p); err != nil {
		return nil, err
	}
	file := strings.TrimPrefix(p.Path, "/")
	if bare := strings.TrimSuffix(file, "/"); bare != "" && !servable(bare) {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "path: %.200q is not a path in the canvas", p.Path)
	}
	pass, end := s.passes.issue(capability)
	return msg.CanvasLink{URL: s.url(capPath + pass + "/" + file), ExpiresAtMs: end.UnixMilli()}, nil
}

// url returns the path's address for a browser on this host.
func (s *Server) url(path string) string {
	host := s.Addr().String()
	if ap, err := netip.ParseAddrPort(host); err == nil && ap.Addr().IsUnspecified() {
		_, port, _ := net.SplitHostPort(host) // it has just been parsed
		host = net.JoinHostPort("127.0.0.1", port)
	}
	return (&url.URL{Scheme: "http", Host: host, Path: path}).String()
}
