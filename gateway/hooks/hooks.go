package hooks

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/subject"
	"clawdbot/gateway/jsonhttp"
	"clawdbot/profile/config"
	"clawdbot/profile/gate"
)

// ErrShared refuses a token that opens the gateway too.
var ErrShared = errors.New("hooks.token is the gateway's own credential: give webhooks another one")

// Config configures a Handler. All of it is required.
type Config struct {
	Settings config.Hooks
	Gateway  *gate.Gate          // whose credential must be another one; its trusted proxies count here, too
	Known    func(*http.Request) // is told of each request with the right token
	Subjects subject.Space
	Conn     *nats.Conn // stays the caller's
	Log      *slog.Logger
}

// Handler serves the paths below Settings.Path. It is safe for use by many
// goroutines.
type Handler struct {
	cfg      Config
	gate     *gate.Gate // of the webhooks' own token
	mappings []config.HookMapping
	methods  jsonhttp.Methods
}

// callTime bounds what a webhook asks of the bus; a run answers as soon as it
// is accepted.
const callTime = 10 * time.Second

// maxBody is the longest body in bytes when the settings do not say.
const maxBody = 256 << 10

// New refuses settings without a token, and ErrShared.
func New(cfg Config) (*Handler, error) {
	g, err := cfg.Gateway.Another(cfg.Settings.Token)
	if err != nil {
		return nil, fmt.Errorf("hooks.token: %w", err)
	}
	if cfg.Gateway.Allow(cfg.Settings.Token) {
		return nil, ErrShared
	}
	methods := jsonhttp.Methods{Conn: cfg.Conn, Subjects: cfg.Subjects}
	return &Handler{cfg: cfg, gate: g, mappings: mappings(cfg.Settings), methods: methods}, nil
}

// Serves says whether the path is one of the webhooks'.
func (h *Handler) Serves(path string) bool {
	_, ok := h.name(path)
	return ok
}

// name is the rest of a path below Settings.Path.
func (h *Handler) name(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/"+strings.Trim(h.cfg.Settings.Path, "/"))
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.Trim(rest, "/"), true
}

// ServeHTTP implements http.Handler. Host and Origin are the caller's to check.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, _ := h.name(r.URL.Path)
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, jsonhttp.Errorf(http.StatusMethodNotAllowed, "webhooks take POST only")) // unsaid: anyone may ask
		return
	}
	if err := h.admit(r); err != nil { // the gate logs who is locked out
		gate.Deny(w, err)
		return
	}
	h.cfg.Known(r)
	status, out, err := h.serve(w, r, name)
	if err != nil {
		e := jsonhttp.Of(err)
		h.cfg.Log.Info("refused a webhook", "hook", name, "status", e.Status, "err", e)
		refuse(w, e)
		return
	}
	h.cfg.Log.Info("took a webhook", "hook", name, "client", r.RemoteAddr, "did", cmp.Or(out.RunID, "wake "+out.Mode))
	jsonhttp.Write(w, status, out)
}

func refuse(w http.ResponseWriter, e *jsonhttp.Error) {
	jsonhttp.Refuse(w, e, map[string]any{"ok": false, "error": e.Message})
}

// admit checks the credential. One in the URL is not read.
func (h *Handler) admit(r *http.Request) error {
	token, err := gate.Bearer(r)
	if own := r.Header.Get("X-Clawdbot-Token"); err != nil && own != "" {
		token, err = own, nil
	}
	if err != nil {
		return err
	}
	return h.gate.Authorize(r, token)
}

// serve does what the webhook asks for. That goes on when its caller hangs up.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, name string) (int, answer, error) {
	key, err := runKey(r)
	if err != nil {
		return 0, answer{}, err
	}
	body, err := jsonhttp.Body(w, r, int64(cmp.Or(h.cfg.Settings.MaxBodyBytes, maxBody)))
	if err != nil {
		return 0, answer{}, err
	}
	do, err := h.job(name, r, body)
	if err != nil {
		return 0, answer{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), callTime)
	defer cancel()
	return do(ctx, h, key)
}

// job is what the webhook of that name asks for.
func (h *Handler) job(name string, r *http.Request, body []byte) (job, error) {
	switch name {
	case "":
		return nil, jsonhttp.Errorf(http.StatusNotFound, "no webhook at the path itself: use wake, agent or a name of hooks.mappings below it")
	case "wake":
		var b wakeBody
		if err := jsonhttp.Decode(body, &b); err != nil {
			return nil, err
		}
		return b.job()
	case "agent":
		var b agentBody
		if err := jsonhttp.Decode(body, &b); err != nil {
			return nil, err
		}
		return b.job()
	}
	s, err := newScope(name, r, body)
	if err != nil {
		return nil, jsonhttp.At("", "not JSON: %v", err)
	}
	return h.mapped(s)
}

// maxKey is the longest Idempotency-Key.
const maxKey = 200

// runKey is the id of the run that a webhook starts: the same for the same
// Idempotency-Key, of webhooks alone.
func runKey(r *http.Request) (string, error) {
	given := r.Header.Get("Idempotency-Key")
	if len(given) > maxKey {
		return "", jsonhttp.Errorf(http.StatusBadRequest, "Idempotency-Key is longer than %d bytes", maxKey)
	}
	if given == "" {
		given = rand.Text()
	}
	return "hook:" + given, nil
}
