package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/store"
)

func newStateCmd(a *app) *cobra.Command {
	var asJSON bool
	var limit int
	ls := &cobra.Command{
		Use:     "ls [PREFIX]",
		Short:   "List keys, with the size of each value in bytes",
		Example: "  clawdbot state ls config/",
		Args:    takes("[PREFIX]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usage(cmd, "--limit: %d is no number of keys", limit)
			}
			return a.withState(cmd.Context(), func(s stateView) error { return a.stateList(s, strings.Join(args, ""), limit, asJSON) })
		},
	}
	ls.Flags().IntVar(&limit, "limit", 1000, "how many keys at most")
	cmd := newGroup(&cobra.Command{
		Use:     "state",
		Short:   "Look into the store, check it, copy it",
		GroupID: groupWork,
		Long: `state shows what a profile keeps in its store: through the gateway when it runs,
else directly.`,
	},
		ls,
		newStateGetCmd(a),
		&cobra.Command{
			Use: "checkpoint", Short: "Write a full copy of the store", Args: takes(),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return a.withState(cmd.Context(), func(s stateView) error { return a.stateCheckpoint(s, asJSON) })
			},
		},
		&cobra.Command{
			Use: "verify", Short: "Read the whole store and prove its checksums", Args: takes(),
			RunE: func(cmd *cobra.Command, _ []string) error {
				return a.withState(cmd.Context(), func(s stateView) error { return a.stateVerify(s, asJSON) })
			},
		},
	)
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func newStateGetCmd(a *app) *cobra.Command {
	var showSecrets bool
	cmd := &cobra.Command{
		Use:     "get KEY",
		Short:   "Print the value under a key",
		Example: "  clawdbot state get config/generation/1",
		Args:    takes("KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withState(cmd.Context(), func(s stateView) error { return a.stateGet(s, args[0], showSecrets) })
		},
	}
	cmd.Flags().BoolVar(&showSecrets, "show-secrets", false, "print tokens and passwords as they are")
	return cmd
}

// stateView is a profile's store, wherever it can be reached.
type stateView interface {
	command(args string) string // a command line for the profile
	list(prefix string, limit int) ([]store.KeyInfo, error)
	get(key string) (json.RawMessage, error)
	checkpoint() (path string, err error)
	verify() (store.Report, error)
}

// withState runs fn on the store of the chosen profile.
func (a *app) withState(ctx context.Context, fn func(stateView) error) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	view, err := a.stateOf(ctx, p)
	if err != nil {
		return err
	}
	err = fn(view)
	if errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitFailed, fmt.Errorf("profile %s has no store yet: its gateway has not run", p.Name), p.Command("gateway")}
	}
	return err
}

// stateOf is the profile's store: its gateway's when that runs, else the folder.
func (a *app) stateOf(ctx context.Context, p profile.Profile) (stateView, error) {
	_, alive, err := running(p)
	if alive {
		return liveState{ctx, a, p}, err
	}
	return restingState{ctx, p}, err
}

func (a *app) stateList(s stateView, prefix string, limit int, asJSON bool) error {
	keys, err := s.list(prefix, limit)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(append([]store.KeyInfo{}, keys...))
	}
	pen := a.pen(a.Out)
	var t table
	for _, k := range keys {
		t.row(k.Key, pen.dim(strconv.Itoa(k.Size)))
	}
	t.print(a.Out)
	if len(keys) == limit {
		a.warn(fmt.Sprintf("only the first %d keys are shown; --limit shows more", limit))
	}
	return nil
}

func (a *app) stateGet(s stateView, key string, showSecrets bool) error {
	get := s.get
	if live, ok := s.(liveState); ok && showSecrets {
		get = live.onDisk
	}
	raw, err := get(key)
	if errors.Is(err, store.ErrNotFound) || isRefused(err) {
		return &exitError{exitFailed, fmt.Errorf("there is no key %s in the store", key), s.command("state ls")}
	}
	if err != nil {
		return err
	}
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return fmt.Errorf("the value under %s is not JSON: %w", key, err)
	}
	if !showSecrets {
		if strings.HasPrefix(key, generationKeys) {
			hideTexts(value)
		}
		value = config.Redact(value)
	}
	return a.printJSON(value)
}

// generationKeys begins the keys of the configs that ran.
const generationKeys = "config/generation/"

// hideTexts hides the texts of a generation, which hold its token encoded.
func hideTexts(generation any) {
	g, _ := generation.(map[string]any)
	files, _ := g["files"].([]any)
	for _, f := range files {
		if file, ok := f.(map[string]any); ok {
			file["text"] = config.Redacted
		}
	}
}

func (a *app) stateCheckpoint(s stateView, asJSON bool) error {
	path, err := s.checkpoint()
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(map[string]string{"path": path})
	}
	a.printf("%s\n", path)
	return nil
}

func (a *app) stateVerify(s stateView, asJSON bool) error {
	report, err := s.verify()
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(report)
	}
	pen := a.pen(a.Out)
	a.printf("The store is %s: %s, %s read.\n", pen.good("whole"), count(int(report.Commits), "commit"), count(report.Tables, "table"))
	var t table
	t.row(heads(pen, "KEYSPACE", "KEYS", "BYTES")...)
	for _, u := range report.Keyspaces {
		t.row(u.Keyspace, strconv.Itoa(u.Keys), strconv.FormatInt(u.Bytes, 10))
	}
	t.print(a.Out)
	return nil
}

// liveState asks the gateway, which has the store open.
type liveState struct {
	ctx context.Context
	app *app
	p   profile.Profile
}

func (s liveState) command(args string) string { return s.p.Command(args) }

type stateParams struct {
	Prefix string `json:"prefix,omitempty"`
	Limit  int    `json:"limit,omitempty"`
	Key    string `json:"key,omitempty"`
}

func (s liveState) list(prefix string, limit int) ([]store.KeyInfo, error) {
	var answer struct {
		Keys []store.KeyInfo `json:"keys"`
	}
	err := s.app.call(s.ctx, s.p, "state.ls", stateParams{Prefix: prefix, Limit: limit}, &answer)
	return answer.Keys, err
}

// onDisk reads the value beside the gateway, which shows no secret.
func (s liveState) onDisk(key string) (raw json.RawMessage, err error) {
	_, err = peek(s.p, func(disk *store.Store) error {
		raw, err = disk.GetRaw(key)
		return err
	})
	return raw, err
}

func (s liveState) get(key string) (json.RawMessage, error) {
	var answer struct {
		Value json.RawMessage `json:"value"`
	}
	err := s.app.call(s.ctx, s.p, "state.get", stateParams{Key: key}, &answer)
	return answer.Value, err
}

func (s liveState) checkpoint() (string, error) {
	var answer struct {
		Path string `json:"path"`
	}
	err := s.app.call(s.ctx, s.p, "state.checkpoint", nil, &answer)
	return answer.Path, err
}

func (s liveState) verify() (report store.Report, err error) {
	err = s.app.call(s.ctx, s.p, "state.verify", nil, &report)
	return report, err
}

// restingState opens the store of a gateway that does not run.
type restingState struct {
	ctx context.Context
	p   profile.Profile
}

func (s restingState) command(args string) string { return s.p.Command(args) }

func (s restingState) list(prefix string, limit int) (keys []store.KeyInfo, err error) {
	err = withStore(s.p, true, func(db *store.Store) error {
		keys, err = db.List(prefix, limit)
		return err
	})
	return keys, err
}

func (s restingState) get(key string) (value json.RawMessage, err error) {
	err = withStore(s.p, true, func(db *store.Store) error {
		value, err = db.GetRaw(key)
		return err
	})
	return value, err
}

func (s restingState) checkpoint() (path string, err error) {
	err = withStore(s.p, false, func(db *store.Store) error {
		path, err = db.Backup()
		return err
	})
	return path, err
}

func (s restingState) verify() (report store.Report, err error) {
	err = withStore(s.p, true, func(db *store.Store) error {
		report, err = db.Verify(s.ctx)
		return err
	})
	return report, err
}
