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
	ErrQuery        = errors.New("unauthorized: a token in the URL is not read, because URLs end up in logs; send it as Authorization: Bearer <token>, or in a WebSocket's connect request")
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

	TrustedProxies []string // addresses and CIDR ranges whose X-Forwarded-For and X-Real-IP are believed
}

// Gate checks requests. It is safe for use by many goroutines.
type Gate struct {
	credentials [][sha256.Size]byte
	hosts       map[string]bool
	origins     map[string]bool
	proxies     []netip.Prefix
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
	for _, p := range cfg.TrustedProxies {
		prefix, err := parsePrefix(p)
		if err != nil {
			return nil, err
		}
		g.proxies = append(g.proxies, prefix)
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	return g, nil
}

// Another returns a gate that a token of its own opens, in g's place: hosts,
// origins and trusted proxies are g's, failures are counted apart. It returns
// ErrNoCredential for an empty token.
func (g *Gate) Another(token string) (*Gate, error) {
	if token == "" {
		return nil, ErrNoCredential
	}
	return &Gate{
		credentials: [][sha256.Size]byte{sha256.Sum256([]byte(token))},
		hosts:       g.hosts, origins: g.origins, proxies: g.proxies, log: g.log,
	}, nil
}

// Wrap lets requests through to next that pass Host, Origin and credential,
// and answers the others with Deny.
func (g *Gate) Wrap(next http.Handler) http.Handler { return g.WrapAs(next, plainBody) }

// WrapAs is Wrap with another JSON body of the answers to refused requests,
// which shape makes of the reason.
func (g *Gate) WrapAs(next http.Handler, shape func(error) any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := g.CheckRequest(r)
		if err == nil {
			err = g.authorizeBearer(r)
		}
		if err != nil {
			DenyAs(w, err, shape(err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (g *Gate) authorizeBearer(r *http.Request) error {
	token, err := Bearer(r)
	if err != nil {
		return err
	}
	return g.Authorize(r, token)
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
		return fmt.Errorf("%w: %.100q", ErrHost, r.Host)
	}
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return nil
	}
	if len(origins) > 1 || !g.allowOrigin(origins[0], host, port) {
		return fmt.Errorf("%w: %.100q", ErrOrigin, strings.Join(origins, ", "))
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
	return g.Judge(r, g.Allow(presented))
}

// Judge is Authorize for a credential that the caller has compared, such as one
// that only its own clients have.
func (g *Gate) Judge(r *http.Request, right bool) error {
	client, local := g.clientOf(r)
	if right && local {
		return nil
	}
	wait, locks := g.failures.judge(client, right)
	switch {
	case locks:
		g.log.Warn("locked a client after wrong credentials", "client", client, "for", wait)
	case wait > 0:
		return &LockedError{RetryAfter: wait}
	case right:
		return nil
	}
	return ErrCredential
}

// Deny answers a refused request as JSON, {"error": text}: 401, 403 or 429.
func Deny(w http.ResponseWriter, err error) { DenyAs(w, err, plainBody(err)) }

func plainBody(err error) any { return map[string]string{"error": err.Error()} }

// DenyAs is Deny with another JSON body.
func DenyAs(w http.ResponseWriter, err error, body any) {
	status := Status(err)
	var locked *LockedError
	if errors.As(err, &locked) {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(locked.RetryAfter.Seconds()))))
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // fails only when the client is gone
}

// Status is the HTTP status that Deny answers with.
func Status(err error) int {
	var locked *LockedError
	switch {
	case errors.As(err, &locked):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrHost), errors.Is(err, ErrOrigin):
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

// Bearer returns the credential of the request's Authorization header, or
// ErrMissing, or ErrQuery when there is one in the URL instead.
func Bearer(r *http.Request) (string, error) {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token), nil
	}
	if r.URL.Query().Has("token") {
		return "", ErrQuery
	}
	return "", ErrMissing
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
