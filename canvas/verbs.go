package canvas

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"clawdbot/bus"
)

// Status is the answer of canvas.status.
type Status struct {
	URL        string `json:"url"` // needs the token or a cookie; canvas.url returns one that does not
	Root       string `json:"root"`
	LiveReload bool   `json:"liveReload"`
	Pages      int    `json:"pages"` // open sockets
}

// Link is the answer of canvas.url {path?}: a URL that lets a browser in.
type Link struct {
	URL         string `json:"url"`
	ExpiresAtMs int64  `json:"expiresAtMs"`
}

// LinkRequest is what canvas.url takes.
type LinkRequest struct {
	Path string `json:"path"` // in the root; "" is its index.html
}

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
	return Status{URL: s.url(filesPath), Root: s.root, LiveReload: s.live, Pages: s.pages.count()}, nil
}

func (s *Server) link(_ context.Context, req *bus.Request) (any, error) {
	var p LinkRequest
	if err := req.Decode(&p); err != nil {
		return nil, err
	}
	file := strings.TrimPrefix(p.Path, "/")
	if bare := strings.TrimSuffix(file, "/"); bare != "" && !servable(bare) {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "path: %.200q is not a path in the canvas", p.Path)
	}
	pass, end := s.passes.issue(capability)
	return Link{URL: s.url(capPath + pass + "/" + file), ExpiresAtMs: end.UnixMilli()}, nil
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
