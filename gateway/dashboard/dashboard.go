// Package dashboard is the web page of a gateway: files that are part of the
// program, served under a strict policy. The page talks only to the gateway it
// came from, over the same WebSocket as every other client, and holds no secret
// of its own: who opens it signs in with the gateway's token.
//
// page/ is ours, one module per page; vendor/ is the library. The browser loads
// both as they are.
package dashboard

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed index.html page vendor/*.js
var files embed.FS

// Config configures the page. Profile is required.
type Config struct {
	BasePath string // where the page is mounted; "" means "/"
	Profile  string // as hello-ok has it; shown before anyone has signed in, and compared after
}

// Handler serves the page under its base path and 404 for what it does not
// have. It checks no credential and takes GET and HEAD only.
func Handler(cfg Config) http.Handler {
	base := "/"
	if inner := strings.Trim(cfg.BasePath, "/"); inner != "" {
		base = "/" + inner + "/"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "the dashboard is only read: "+r.Method+" does nothing here")
			return
		}
		name, ok := strings.CutPrefix(r.URL.Path, base)
		name = cmp.Or(name, "index.html")
		body, kind := read(name)
		if !ok || body == nil {
			refuse(w, http.StatusNotFound, "nothing is served at "+r.Method+" "+r.URL.Path)
			return
		}
		if name == "index.html" {
			body = bytes.Replace(body, []byte("{{profile}}"), []byte(html.EscapeString(cfg.Profile)), 1)
		}
		protect(w.Header(), r.Host)
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache") // kept, but asked for with its ETag each time
		w.Header().Set("ETag", fmt.Sprintf(`"%.16x"`, sha256.Sum256(body)))
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}

// refuse answers as the rest of the gateway's port does.
func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why}) // fails only when the client is gone
}

// read returns a file and its content type, or nil. The types are our own, as a
// host's table may say anything.
func read(name string) (body []byte, kind string) {
	switch path.Ext(name) {
	case ".html":
		kind = "text/html; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	}
	body, err := files.ReadFile(name)
	if err != nil {
		return nil, ""
	}
	return body, kind
}

// protect lets the page load and reach nothing but its own gateway. The socket's
// address is named because 'self' does not cover it in every browser.
func protect(h http.Header, host string) {
	connect := "'self'"
	if strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") == "" {
		connect += " ws://" + host + " wss://" + host
	}
	h.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:", "connect-src " + connect,
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; "))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}
