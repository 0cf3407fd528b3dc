package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"clawdbot/profile"
	"clawdbot/profile/config"
)

func newConfigCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := newGroup(&cobra.Command{
		Use:     "config",
		Short:   "Read, check and edit the config",
		GroupID: groupWork,
		Long: `config reads, checks and edits a profile's config file. The file is JSON5 and
stays yours: an edit keeps comments and order, and is refused when the result
could not be used. Paths are written with dots and brackets:

  gateway.port    agents.list[0].id    browser.profiles["my-name"].color`,
	},
		newConfigGetCmd(a, &asJSON), newConfigSetCmd(a, &asJSON), newConfigUnsetCmd(a, &asJSON), newConfigValidateCmd(a, &asJSON),
		newConfigPlanCmd(a, &asJSON), newConfigApplyCmd(a, &asJSON),
		newConfigSchemaCmd(a), newConfigPathCmd(a, &asJSON), newConfigFileCmd(a, &asJSON),
		newConfigGenerationsCmd(a, &asJSON), newConfigDiffCmd(a, &asJSON),
	)
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// configHelp adds the command that shows all that is wrong with a config.
func configHelp(p profile.Profile, err error) error {
	var invalid *config.Error
	if errors.As(err, &invalid) {
		return &exitError{exitConfig, err, p.Command("config validate")}
	}
	return err
}

func newConfigGetCmd(a *app, asJSON *bool) *cobra.Command {
	var showSecrets bool
	cmd := &cobra.Command{
		Use:   "get [PATH]",
		Short: "Print a value, or all of them, defaults included",
		Long: `get prints the value that holds: the file's, after $include and ${VAR}, or else
the default. A string is printed bare, with --json quoted. Secrets are hidden
unless --show-secrets is given; to ask for just one without it is an error.`,
		Example: "  clawdbot config get gateway.port",
		Args:    takes("[PATH]"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.runConfigGet(strings.Join(args, ""), *asJSON, showSecrets)
		},
	}
	cmd.Flags().BoolVar(&showSecrets, "show-secrets", false, "print tokens and passwords as they are")
	return cmd
}

func (a *app) runConfigGet(path string, asJSON, showSecrets bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	loaded, err := p.Load()
	if err != nil {
		if loaded == nil || loaded.Tree == nil {
			return configHelp(p, err)
		}
		a.warn(err.Error())
	}
	var value any = loaded.Effective()
	if path != "" {
		found := false
		if value, found, err = loaded.Lookup(path); err != nil {
			return &exitError{exitUsage, err, ""}
		}
		if !found {
			return notFound(p, path)
		}
	}
	if !showSecrets {
		shown := redacted(path, value)
		if path != "" && shown == any(config.Redacted) { // a script must not take it for the value
			return &exitError{exitFailed, fmt.Errorf("%s is a secret", path), p.Command("config get " + shellWord(path) + " --show-secrets")}
		}
		value = shown
	}
	if text, ok := value.(string); ok && !asJSON {
		a.printf("%s\n", text)
		return nil
	}
	return a.printJSON(value)
}

// notFound says that nothing is set at a path, with the known one that is near.
func notFound(p profile.Profile, path string) error {
	if n := config.Near(path); n != "" {
		return &exitError{exitFailed, fmt.Errorf("%s is no known key; did you mean %s?", path, n), p.Command("config get " + shellWord(n))}
	}
	return &exitError{exitFailed, fmt.Errorf("%s is not set, and has no default", path), p.Command("config schema")}
}

// shellWord quotes what a shell would take apart.
func shellWord(s string) string {
	if strings.ContainsAny(s, "[]\"' ") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

func redacted(path string, value any) any {
	if path == "" {
		return config.Redact(value)
	}
	return config.RedactAt(path, value)
}

func newConfigValidateCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the config and name all that is wrong with it",
		Long: `validate checks the config file with its includes and names each error and
warning with file, line, column, path and rule. It exits with 78 when the
config cannot be used.`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error { return a.runConfigValidate(*asJSON) },
	}
}

func (a *app) runConfigValidate(asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	loaded, err := p.Load()
	var invalid *config.Error
	if err != nil && !errors.As(err, &invalid) {
		return &exitError{exitConfig, err, ""}
	}
	report := struct {
		Path     string         `json:"path"`
		Exists   bool           `json:"exists"`
		Valid    bool           `json:"valid"`
		Issues   []config.Issue `json:"issues"`
		Warnings []config.Issue `json:"warnings"`
	}{p.ConfigPath, loaded.Exists, invalid == nil, []config.Issue{}, append([]config.Issue{}, loaded.Warnings...)}
	if invalid != nil {
		report.Issues = invalid.Issues
	}
	var portErr error
	if invalid == nil {
		_, _, portErr = p.PlanPorts(loaded.Config, 0)
		report.Valid = portErr == nil
	}
	if asJSON {
		if err := a.printJSON(report); err != nil {
			return err
		}
	} else {
		a.printIssues(report.Issues, report.Warnings)
	}
	switch {
	case invalid != nil:
		return &exitError{exitConfig, fmt.Errorf("%s cannot be used: %s", a.short(p.ConfigPath), count(len(invalid.Issues), "error")), ""}
	case portErr != nil:
		return portErr
	case !asJSON && !loaded.Exists:
		a.printf("%s is not there, so the defaults hold.\n", a.short(p.ConfigPath))
	case !asJSON:
		a.printf("%s is %s.\n", a.short(p.ConfigPath), a.pen(a.Out).good("valid"))
	}
	return nil
}

func (a *app) printIssues(issues, warnings []config.Issue) {
	pen := a.pen(a.Out)
	for _, i := range issues {
		a.printf("%s %s\n", pen.bad("error:"), i)
	}
	for _, i := range warnings {
		a.printf("%s %s\n", pen.warn("warning:"), i)
	}
}

func newConfigSchemaCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the config: every key and what it does",
		Example: "  clawdbot config schema > clawdbot.schema.json    # for an editor",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			a.printf("%s", config.Schema())
			return nil
		},
	}
}

func newConfigPathCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "path",
		Short: "Print where the config file is",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			p, err := a.profile()
			if err != nil {
				return err
			}
			if *asJSON {
				return a.printJSON(map[string]string{"path": p.ConfigPath})
			}
			a.printf("%s\n", p.ConfigPath)
			return nil
		},
	}
}

func newConfigFileCmd(a *app, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "file",
		Short: "List the files that make up the config",
		Long: `file lists the config file and what it includes, in the order read. With --json
it also tells the hash, which config set and unset take as --if-hash.`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error { return a.runConfigFile(*asJSON) },
	}
}

func (a *app) runConfigFile(asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	loaded, err := p.Load()
	if loaded == nil {
		return err
	}
	if asJSON {
		return a.printJSON(struct {
			Path   string   `json:"path"`
			Exists bool     `json:"exists"`
			Valid  bool     `json:"valid"`
			Hash   string   `json:"hash"`
			Files  []string `json:"files"`
		}{p.ConfigPath, loaded.Exists, err == nil, loaded.Hash, append([]string{}, loaded.Files...)})
	}
	if !loaded.Exists {
		return &exitError{exitFailed, fmt.Errorf("there is no config at %s", p.ConfigPath), p.Command("setup")}
	}
	for _, f := range loaded.Files {
		a.printf("%s\n", f)
	}
	return nil
}

// jsonLine is a value on one line, for messages.
func jsonLine(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	body, err := json.Marshal(v)
	if err != nil { // Infinity and NaN, which JSON lacks
		return fmt.Sprint(v)
	}
	return string(body)
}
