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

type linkParams struct {
	Path string `json:"path"` // in the root; "" is its index.html
}

// serveBus puts the health and the micro service on the bus.
func (s *Server) serveBus(version string) (err error) {
	if s.health, err = bus.NewHealth(s.nc, s.subjects, name); err != nil {
		return err
	}
	status, err := s.subjects.Canvas("status")
	if err != nil {
		return err
	}
	link, err := s.subjects.Canvas("url")
	if err != nil {
		return err
	}
	s.svc, err = bus.Serve(bus.ServiceConfig{
		Name: name, Version: version, Description: "pages that the agent makes", Profile: s.subjects.Profile(), Conn: s.nc,
		Endpoints: []bus.Endpoint{
			{Name: "status", Subject: status, Handle: s.status},
			{Name: "url", Subject: link, Handle: s.link},
		},
	})
	return err
}

func (s *Server) status(context.Context, *bus.Request) (any, error) {
	return Status{URL: s.url(filesPath), Root: s.root, LiveReload: s.live, Pages: s.pages.count()}, nil
}

func (s *Server) link(_ context.Context, req *bus.Request) (any, error) {
	var p linkParams
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
