package gate

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// What the gate refuses. A locked client gets a *LockedError.
var (
	ErrNoCredential = errors.New("gate: no credential")
	ErrCredential   = errors.New("unauthorized: wrong token or password")
	ErrMissing      = errors.New("unauthorized: send the token as Authorization: Bearer <token>")
	ErrQuery        = errors.New("unauthorized: a token in the URL is not read, because URLs end up in logs; send it as Authorization: Bearer <token>")
	ErrHost         = errors.New("host not allowed")
	ErrOrigin       = errors.New("origin not allowed")
)

// Config configures a Gate. A token or a password is required; with both,
// either passes.
type Config struct {
	Token    string
	Password string
	Hosts    []string     // host names and addresses allowed beside loopback, without port
	Origins  []string     // origins allowed beside the server's own, as scheme://host[:port]
	Log      *slog.Logger // lock-outs; nil means none
}

// Gate checks requests. It is safe for use by many goroutines.
type Gate struct {
	credentials [][sha256.Size]byte
	hosts       map[string]bool
	origins     map[string]bool
	failures    limiter
	log         *slog.Logger
}

// New returns a gate, or ErrNoCredential when there is nothing to check
// against: no gate stands open.
func New(cfg Config) (*Gate, error) {
	g := &Gate{hosts: map[string]bool{}, origins: map[string]bool{}, log: cfg.Log}
	for _, secret := range []string{cfg.Token, cfg.Password} {
		if secret != "" {
			g.credentials = append(g.credentials, sha256.Sum256([]byte(secret)))
		}
	}
	if len(g.credentials) == 0 {
		return nil, ErrNoCredential
	}
	for _, h := range cfg.Hosts {
		g.hosts[strings.ToLower(h)] = true
	}
	for _, o := range cfg.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" {
			return nil, fmt.Errorf("gate: origin %q is not scheme://host", o)
		}
		g.origins[strings.ToLower(u.Scheme+"://"+u.Host)] = true
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	return g, nil
}

// Wrap lets requests through to next that pass Host, Origin and credential,
// and answers the others with Deny.
func (g *Gate) Wrap(next http.Handler) http.Handler {
	return g.WrapOpen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := bearer(r)
		if err == nil {
			err = g.Authorize(r, token)
		}
		if err != nil {
			Deny(w, err)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// WrapOpen is Wrap without the credential: for what anyone on the host may
// see, and for handlers with a credential of their own.
func (g *Gate) WrapOpen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.CheckRequest(r); err != nil {
			Deny(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// CheckRequest checks Host and Origin, as before a WebSocket upgrade. It
// returns ErrHost or ErrOrigin, naming the value.
func (g *Gate) CheckRequest(r *http.Request) error {
	host, port := splitHost(r.Host)
	if !isLoopback(host) && !g.hosts[host] && !isLocalAddr(r, host) {
		return fmt.Errorf("%w: %q", ErrHost, r.Host)
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return nil
	}
	if len(origins) > 1 || !g.allowOrigin(origins[0], host, port) {
		return fmt.Errorf("%w: %q", ErrOrigin, strings.Join(origins, ", "))
	}
	return nil
}

// allowOrigin says whether a page of origin may talk to host:port. The scheme
// is not compared: a proxy before us may speak TLS.
func (g *Gate) allowOrigin(origin, host, port string) bool {
	if g.origins[strings.ToLower(origin)] {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	from, fromPort := splitHost(u.Host)
	return fromPort == port && (from == host || isLoopback(from) && isLoopback(host))
}

// Allow says whether presented is the token or the password, in constant time.
func (g *Gate) Allow(presented string) bool {
	sum := sha256.Sum256([]byte(presented))
	ok := 0
	for i := range g.credentials {
		ok |= subtle.ConstantTimeCompare(sum[:], g.credentials[i][:])
	}
	return ok == 1
}

// Authorize is Allow that counts wrong credentials against the request's
// client. It returns ErrMissing for an empty one, ErrCredential for a wrong
// one and *LockedError for a client that is locked.
func (g *Gate) Authorize(r *http.Request, presented string) error {
	if presented == "" {
		return ErrMissing
	}
	client, local := clientOf(r)
	right := g.Allow(presented)
	if right && local {
		return nil
	}
	if wait := g.failures.locked(client); wait > 0 {
		return &LockedError{RetryAfter: wait}
	}
	if right {
		return nil
	}
	if g.failures.add(client) {
		g.log.Warn("locked a client after wrong credentials", "client", client, "attempts", maxFailures, "for", window)
	}
	return ErrCredential
}

// Deny answers a refused request as JSON, {"error": text}: 401, 403 or 429.
func Deny(w http.ResponseWriter, err error) {
	status := http.StatusUnauthorized
	var locked *LockedError
	switch {
	case errors.As(err, &locked):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(locked.RetryAfter.Seconds()))))
	case errors.Is(err, ErrHost), errors.Is(err, ErrOrigin):
		status = http.StatusForbidden
	default:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	body, _ := json.Marshal(map[string]string{"error": err.Error()}) // strings always encode
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // fails only when the client is gone
}

func bearer(r *http.Request) (string, error) {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token), nil
	}
	if r.URL.Query().Has("token") {
		return "", ErrQuery
	}
	return "", ErrMissing
}

// clientOf returns what failures are counted under, and whether the client is
// a program on this host that speaks to us with no proxy between. IPv6 clients
// are counted by /64: one of them owns them all.
func clientOf(r *http.Request) (client string, local bool) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr, false
	}
	addr := ap.Addr().Unmap().WithZone("")
	switch {
	case forwarded(r):
		return "proxy " + addr.String(), false
	case addr.IsLoopback():
		return addr.String(), true
	case addr.Is6():
		prefix, _ := addr.Prefix(64) // 64 always fits
		return prefix.String(), false
	}
	return addr.String(), false
}

// Local says whether the request comes from a program on this host, with no
// proxy between that says so.
func Local(r *http.Request) bool {
	_, local := clientOf(r)
	return local
}

// forwarded says whether the request names another client behind the one that
// sent it.
func forwarded(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip"} {
		if len(r.Header.Values(h)) > 0 {
			return true
		}
	}
	return false
}

func splitHost(hostport string) (host, port string) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.ToLower(host), port
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// isLocalAddr says whether host is the very address that the connection came
// in on, as on a listener for the local network.
func isLocalAddr(r *http.Request, host string) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap() == local.AddrPort().Addr().Unmap()
}
