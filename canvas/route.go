package canvas

import (
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"

	"clawdbot/profile/gate"
)

// The paths, as the original's clients know them.
const (
	filesPath  = "/__clawdbot__/canvas/"
	capPath    = "/__clawdbot__/cap/"
	socketPath = "/__clawdbot/ws"
)

var (
	errNoPass  = errors.New("unauthorized: open a fresh canvas link, or send the gateway's token as Authorization: Bearer <token>")
	errOldLink = errors.New("unauthorized: this canvas link is no longer good; ask for a new one")
)

// policy lets pages be what agents write (inline scripts, libraries and data
// from the web), and keeps them from talking to other ports of this host and
// from being framed by other sites than the host's own.
const policy = "default-src 'self' https: data: blob: 'unsafe-inline' 'unsafe-eval'; connect-src 'self' https: data: blob:; " +
	"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"

// route admits a request that has passed the gate's Host and Origin check.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "only GET and HEAD are served here")
	case strings.HasPrefix(r.URL.Path, capPath):
		s.exchange(w, r)
	case s.hasCookie(r):
		s.serve(w, r)
	case r.Header.Get("Authorization") == "":
		gate.Deny(w, errNoPass)
	default:
		s.guarded.ServeHTTP(w, r)
	}
}

// serve answers a request that may see the canvas.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case path == socketPath:
		s.serveSocket(w, r)
	case path == filesPath+probeFile:
		serveProbe(w)
	case path == strings.TrimSuffix(filesPath, "/"):
		redirectToFolder(w, r)
	case strings.HasPrefix(path, filesPath):
		s.serveFile(w, r, strings.TrimPrefix(path, filesPath))
	default:
		fail(w, http.StatusNotFound, "not found")
	}
}

// cookieName differs by profile: browsers do not tell the ports of a host apart.
func (s *Server) cookieName() string { return "clawdbot-canvas-" + s.subjects.Profile() }

func (s *Server) hasCookie(r *http.Request) bool {
	for _, c := range r.CookiesNamed(s.cookieName()) {
		if s.passes.good(cookie, c.Value) {
			return true
		}
	}
	return false
}

// exchange turns a capability URL into a cookie.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request) {
	pass, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, capPath), "/")
	if !s.passes.good(capability, pass) {
		gate.Deny(w, errOldLink)
		return
	}
	value, _ := s.passes.issue(cookie)
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: int(cookie.life().Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	w.Header().Set("Cache-Control", "no-store")
	target := (&url.URL{Path: filesPath + file, RawQuery: r.URL.RawQuery}).String()
	if r.Header.Get("Sec-Fetch-Site") != "cross-site" {
		w.Header().Set("Location", target)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	// After a click on another site, a browser would not send the strict cookie
	// along a redirect; from a page of our own it does.
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, `<!doctype html><meta http-equiv="refresh" content="0;url=`+html.EscapeString(target)+`">`)
}

// redirectToFolder adds the slash that a folder's relative links need.
func redirectToFolder(w http.ResponseWriter, r *http.Request) {
	target := url.URL{Path: r.URL.Path + "/", RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", target.String())
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// fail answers with {"error": text}.
func fail(w http.ResponseWriter, status int, text string) {
	body, _ := json.Marshal(map[string]string{"error": text}) // strings always encode
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // fails only when the client is gone
}
