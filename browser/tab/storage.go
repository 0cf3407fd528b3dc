package tab

import (
	"context"
	"fmt"
	"net/http"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// Storage is the page's localStorage or sessionStorage.
type Storage struct {
	frame *Frame
	kind  string
}

// Storage returns that of the kind, local or session.
func (t *Tab) Storage(kind string) (*Storage, error) {
	if kind != "local" && kind != "session" {
		return nil, api.Errorf(http.StatusBadRequest, "kind must be local or session, not %.32q", kind)
	}
	return &Storage{t.Main(), kind}, nil
}

// Values returns all, or only that of the key when there is one.
func (s *Storage) Values(ctx context.Context, key string) (map[string]string, error) {
	values := map[string]string{}
	err := s.run(ctx, &values, `(kind, key) => {
		const storage = window[kind];
		const keys = key === '' ? Array.from(storage, (_, i) => storage.key(i)) : [key];
		return Object.fromEntries(keys.map((k) => [k, storage.getItem(k)]).filter(([, v]) => v !== null));
	}`, key)
	return values, err
}

// Set sets the value of a key.
func (s *Storage) Set(ctx context.Context, key, value string) error {
	return s.run(ctx, nil, "(kind, key, value) => window[kind].setItem(key, value)", key, value)
}

// Clear removes all.
func (s *Storage) Clear(ctx context.Context) error {
	return s.run(ctx, nil, "(kind) => window[kind].clear()")
}

func (s *Storage) run(ctx context.Context, out any, function string, args ...any) error {
	got, err := s.frame.CallOwn(ctx, function, append([]any{s.kind + "Storage"}, args...)...)
	if err != nil {
		return err
	}
	if err := Thrown(got.ExceptionDetails); err != nil { // a page without an origin has none; a full one
		return api.Errorf(http.StatusConflict, "%sStorage of %s: %w", s.kind, cut(s.frame.URL()), err)
	}
	if out == nil {
		return nil
	}
	if err := devtools.Decode(got.Result.Value, out); err != nil {
		return fmt.Errorf("%sStorage: %w", s.kind, err)
	}
	return nil
}
