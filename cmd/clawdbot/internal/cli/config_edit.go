package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/config/json5"
)

const ifHashUsage = "edit only if the config still has this hash (see config file --json)"

func newConfigSetCmd(a *app, asJSON *bool) *cobra.Command {
	var hash string
	cmd := &cobra.Command{
		Use:   "set PATH VALUE",
		Short: "Set a value; comments and order stay",
		Long: `set writes one value into the config file and makes the objects on the way.
VALUE is JSON5; a bare word that is none counts as a string. A result that
could not be used is refused, but a config that is broken can be repaired.`,
		Example: `  clawdbot config set gateway.port 19001
  clawdbot config set gateway.bind lan
  clawdbot config set agents.list '[{id: "main", default: true}]'`,
		Args: takes("PATH", "VALUE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runConfigEdit(cmd.Context(), args[0], *asJSON, func(o config.Options) (*config.Loaded, error) {
				return config.Set(o, hash, args[0], asJSON5(args[1]))
			})
		},
	}
	cmd.Flags().StringVar(&hash, "if-hash", "", ifHashUsage)
	return cmd
}

func newConfigUnsetCmd(a *app, asJSON *bool) *cobra.Command {
	var hash string
	cmd := &cobra.Command{
		Use:     "unset PATH",
		Short:   "Remove a value, so that the default holds",
		Example: "  clawdbot config unset bridge.port",
		Args:    takes("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runConfigEdit(cmd.Context(), args[0], *asJSON, func(o config.Options) (*config.Loaded, error) {
				return config.Unset(o, hash, args[0])
			})
		},
	}
	cmd.Flags().StringVar(&hash, "if-hash", "", ifHashUsage)
	return cmd
}

// asJSON5 quotes a bare word. What begins like a value of another kind is left
// alone, so that a slip in it is told.
func asJSON5(value string) string {
	if _, err := json5.Parse("value", []byte(value)); err == nil || strings.ContainsAny(firstByte(value), "{[\"'") {
		return value
	}
	return json5.Quote(value)
}

func firstByte(s string) string {
	s = strings.TrimSpace(s)
	return s[:min(1, len(s))]
}

func (a *app) runConfigEdit(ctx context.Context, path string, asJSON bool, edit func(config.Options) (*config.Loaded, error)) error {
	if _, err := json5.ParsePath(path); err != nil {
		return &exitError{exitUsage, err, ""}
	}
	p, err := a.profile()
	if err != nil {
		return err
	}
	if !isSetUp(p) { // else a slip in the name would make a profile
		return notSetUp(p, exitConfig)
	}
	before, _ := p.Load() // what is wrong with it the edit tells
	loaded, err := edit(p.ConfigOptions())
	if loaded == nil {
		return editRefused(p, path, err)
	}
	defer a.sayEffect(ctx, p, before, loaded)
	if err != nil { // written, but what was wrong before still is
		a.warn("still wrong: " + err.Error())
	}
	for _, w := range loaded.Warnings {
		if strings.HasPrefix(w.Path, path) || strings.HasPrefix(path, w.Path) { // of the value, or of an object on the way to it
			a.warn(w.String())
		}
	}
	value, holds, _ := loaded.Lookup(path) // the path was read before
	value = redacted(path, value)
	if asJSON {
		return a.printJSON(struct {
			Path  string `json:"path"`
			Value any    `json:"value"`
			File  string `json:"file"`
			Hash  string `json:"hash"`
			Valid bool   `json:"valid"`
		}{path, value, loaded.Path, loaded.Hash, err == nil})
	}
	file := a.short(loaded.Path)
	switch _, object := value.(map[string]any); {
	case isSet(loaded, path):
		a.printf("%s is %s (%s)\n", path, jsonLine(value), file)
	case !holds:
		a.printf("%s is not set any more (%s)\n", path, file)
	case object:
		a.printf("%s is unset; the defaults hold (%s)\n", path, file)
	default:
		a.printf("%s is unset; the default holds: %s (%s)\n", path, jsonLine(value), file)
	}
	return nil
}

// sayEffect tells what an edit does to the gateway of the profile, when it runs
// and can use both the config before and the one after.
func (a *app) sayEffect(ctx context.Context, p profile.Profile, before, after *config.Loaded) {
	if _, alive, err := running(p); err != nil || !alive || before == nil || len(before.Issues)+len(after.Issues) > 0 {
		return
	}
	changes := config.Plan(before, after)
	effect, waits := before.Config.Gateway.Reload.Does(changes.Effect())
	switch {
	case waits != "":
		a.progress("%s", waits)
		fmt.Fprintf(a.Err, "%s %s\n", a.pen(a.Err).dim("try:"), a.restartOf(ctx, p))
	case effect != config.EffectNone:
		a.progress("the running gateway %s", whatHappens(effect, changes))
	}
}

// isSet says whether the files themselves hold a value at the path.
func isSet(loaded *config.Loaded, path string) bool {
	steps, _ := json5.ParsePath(path) // it was read before
	_, ok := steps.In(loaded.Tree)
	return ok
}

// editRefused says why an edit changed nothing.
func editRefused(p profile.Profile, path string, err error) error {
	var invalid *config.Error
	var syntax *json5.SyntaxError
	switch {
	case errors.As(err, &invalid):
		help := "config schema"
		if invalid.Issues[0].Rule == "syntax" {
			help = "config validate"
		}
		return &exitError{exitConfig, fmt.Errorf("the config was not changed: %w", err), p.Command(help)}
	case errors.Is(err, json5.ErrNotFound):
		return &exitError{exitFailed, fmt.Errorf("%s is not set in %s", path, p.ConfigPath), ""}
	case errors.As(err, &syntax):
		return &exitError{exitUsage, err, ""}
	case errors.Is(err, config.ErrChanged):
		return &exitError{exitTryAgain, err, p.Command("config file --json")}
	case errors.Is(err, config.ErrLocked):
		return &exitError{exitTryAgain, err, ""}
	}
	return err
}
