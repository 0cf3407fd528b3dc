package relay

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"clawdbot/profile/gate"
)

const (
	extensionScheme = "chrome-extension://"
	protocolVersion = "1.3" // of CDP
	noTab           = "no tab is connected"
)

// NoTab is what the relay says while there is nothing to drive.
const NoTab = noTab + ": open the tab in Chrome and click the Clawdbot button in the toolbar " +
	"(clawdbot browser extension install tells how to get it)"

// routes are all that is served. What tells of tabs or drives them wants the
// token; an extension has no token, but an origin and a secret.
func (s *Server) routes() http.Handler {
	open, guarded := http.NewServeMux(), http.NewServeMux()
	open.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "clawdbot extension relay\n") })
	open.HandleFunc("GET /extension/status", s.status)
	open.HandleFunc("GET /extension", s.lend)
	for _, path := range []string{"/cdp", "/json", "/json/"} {
		open.Handle(path, s.gate.Wrap(guarded))
	}
	guarded.HandleFunc("GET /cdp", s.drive)
	for _, path := range []string{"/json", "/json/{$}", "/json/list", "/json/list/{$}"} {
		guarded.HandleFunc("GET "+path, s.list)
	}
	for _, path := range []string{"/json/version", "/json/version/{$}"} {
		guarded.HandleFunc("GET "+path, s.version)
	}
	for _, mux := range []*http.ServeMux{open, guarded} {
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			refuse(w, http.StatusNotFound, "no such route: "+r.Method+" "+r.URL.Path)
		})
	}
	return local(s.gate.WrapOpen(open))
}

// local lets nobody from another host in, not even through a proxy on this one.
// The token may come as the password, or the user, of an address.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !gate.Local(r) {
			refuse(w, http.StatusForbidden, "the relay serves this host only")
			return
		}
		if user, password, ok := r.BasicAuth(); ok {
			r.Header.Set("Authorization", "Bearer "+cmp.Or(password, user))
		}
		next.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, status int, why string) {
	respond(w, status, map[string]string{"error": why})
}

func respond(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // fails only when the client is gone
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	l, tabs := s.hub.status()
	respond(w, http.StatusOK, struct {
		Connected bool `json:"connected"`
		Tabs      int  `json:"tabs"` // ours
	}{l != nil, len(tabs)})
}

// version is CDP's /json/version. It names a WebSocket while there is a tab.
func (s *Server) version(w http.ResponseWriter, r *http.Request) {
	v := struct {
		Browser   string `json:"Browser"`
		Protocol  string `json:"Protocol-Version"`
		UserAgent string `json:"User-Agent,omitempty"`
		WebSocket string `json:"webSocketDebuggerUrl,omitempty"`
	}{Browser: "Clawdbot/extension-relay", Protocol: protocolVersion}
	if l, tabs := s.hub.status(); l != nil {
		v.UserAgent = l.agent
		if len(tabs) > 0 {
			v.WebSocket = webSocket(r)
		}
	}
	respond(w, http.StatusOK, v)
}

// list is CDP's /json/list. All tabs share one WebSocket.
func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Title     string `json:"title"`
		URL       string `json:"url"`
		WebSocket string `json:"webSocketDebuggerUrl"`
	}
	s.hub.refresh()
	_, tabs := s.hub.status()
	all := []entry{}
	for _, t := range tabs {
		all = append(all, entry{t.TargetID, t.Type, t.Title, t.URL, webSocket(r)})
	}
	respond(w, http.StatusOK, all)
}

func webSocket(r *http.Request) string { return "ws://" + r.Host + "/cdp" }

// drive serves a CDP client.
func (s *Server) drive(w http.ResponseWriter, r *http.Request) {
	if _, tabs := s.hub.status(); len(tabs) == 0 {
		refuse(w, http.StatusServiceUnavailable, NoTab)
		return
	}
	s.group.Add(1)
	defer s.group.Done()
	conn, err := accept(w, r)
	if err != nil { // it was answered
		return
	}
	defer conn.CloseNow()
	ctx, cancel := context.WithCancel(s.life)
	defer cancel()
	c := &client{hub: s.hub, conn: conn, ctx: ctx}
	if !s.hub.join(c) {
		_ = conn.Close(websocket.StatusTryAgainLater, noTab)
		return
	}
	c.serve()
	s.hub.part(c)
}

// lend serves an extension.
func (s *Server) lend(w http.ResponseWriter, r *http.Request) {
	id, ok := strings.CutPrefix(r.Header.Get("Origin"), extensionScheme)
	if !ok || id != s.ownID() && !slices.Contains(s.cfg.Others, id) {
		refuse(w, http.StatusForbidden, "only the Clawdbot extension may lend tabs")
		return
	}
	s.group.Add(1)
	defer s.group.Done()
	conn, err := accept(w, r)
	if err != nil { // it was answered
		return
	}
	defer conn.CloseNow()
	ctx, cancel := context.WithCancel(s.life)
	defer cancel()
	if id == s.ownID() {
		if err := s.handshake(ctx, conn); err != nil {
			s.cfg.Log.Warn("extension refused", "err", err)
			_ = conn.Close(websocket.StatusPolicyViolation, err.Error())
			return
		}
	}
	l := &lender{
		ctx: ctx, conn: conn, product: productOf(r.UserAgent()), agent: r.UserAgent(), timeout: s.cfg.Timeout, ping: s.cfg.Ping,
		waiting: map[int64]waiter{}, heard: time.Now(),
	}
	if !s.hub.enter(l) {
		_ = conn.Close(websocket.StatusTryAgainLater, "another browser lends its tabs: take them back there first")
		return
	}
	s.cfg.Log.Info("extension connected", "browser", l.product)
	s.announce()
	s.group.Go(l.watch)
	err = l.read(s.hub.heard)
	cancel()
	s.hub.leave(l)
	s.cfg.Log.Info("extension gone", "browser", l.product, "why", websocket.CloseStatus(err).String())
}

// accept makes the request a WebSocket. The gate has checked its origin.
func accept(w http.ResponseWriter, r *http.Request) (*websocket.Conn, error) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessage)
	return conn, nil
}

// productOf finds Chrome/<version> in a User-Agent.
func productOf(agent string) string {
	if i := strings.Index(agent, "Chrome/"); i >= 0 {
		product, _, _ := strings.Cut(agent[i:], " ")
		return product
	}
	return "Chrome"
}
