package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"clawdbot/browser/api"
)

// browserTimeout bounds one call; a start may take a while on a slow host.
const browserTimeout = 60 * time.Second

type browserOptions struct {
	profile string
	url     string
	json    bool
	timeout time.Duration
}

// chosen is the flag of a browser profile that was named, and a space.
func (o browserOptions) chosen() string {
	if o.profile == "" {
		return ""
	}
	return "--browser-profile " + o.profile + " "
}

func newBrowserCmd(a *app) *cobra.Command {
	o := &browserOptions{timeout: browserTimeout}
	verb := func(use, short string, run func(context.Context, browserOptions, string) error, args ...string) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: takes(args...), RunE: func(cmd *cobra.Command, args []string) error {
			return run(cmd.Context(), *o, append(args, "")[0])
		}}
	}
	cmd := newGroup(&cobra.Command{
		Use:     "browser",
		Short:   "Control the profile's browser",
		GroupID: groupWork,
		Long: `browser controls the Chromium of a profile through its gateway, whatever port
that was started with. A tab is named by its id, or by the id's first letters;
without one a command means the tab used last. snapshot prints the page with a
ref for each element, such as e12, and the other commands act on those.`,
		Example: `  clawdbot browser open https://example.com/
  clawdbot browser snapshot --interactive
  clawdbot browser click e12
  clawdbot --profile rescue browser status`,
	},
		verb("status", "Whether the browser runs, and which one", a.runBrowserStatus),
		verb("start", "Start the browser", a.runBrowserStart),
		verb("stop", "Stop the browser", a.runBrowserStop),
		verb("tabs", "List the tabs", a.runBrowserTabs),
		verb("open URL", "Open a page in a tab, starting the browser when needed", a.runBrowserOpen, "URL"),
		verb("close [TARGET]", "Close a tab; the only one needs no name", a.runBrowserClose, "[TARGET]"),
		verb("focus TARGET", "Bring a tab to the front", a.runBrowserFocus, "TARGET"),
		verb("profiles", "List the browser profiles", a.runBrowserProfiles),
	)
	for _, more := range [][]*cobra.Command{
		browserTabs(a, o), browserActs(a, o), browserHooks(a, o), browserLooks(a, o), browserStates(a, o), browserProfiles(a, o),
	} {
		cmd.AddCommand(more...)
	}
	cmd.AddCommand(newBrowserExtensionCmd(a, &o.json), browserMCP(a, o), browserServe(a))
	flags := cmd.PersistentFlags()
	flags.StringVar(&o.profile, "browser-profile", "", "`NAME` of the browser profile; without it the default one")
	flags.StringVar(&o.url, "url", "", "`URL` of browser control; without it the running gateway's")
	flags.BoolVar(&o.json, "json", false, "print the answer as JSON")
	addTimeout(flags, &o.timeout, "how long to wait for the answer")
	return cmd
}

// browse makes one call, and prints the answer with show unless JSON is asked
// for.
func browse[T any](ctx context.Context, a *app, o browserOptions, c browserCall, show func(*browserClient, T)) error {
	client, err := a.browserClient(o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	body, err := client.call(ctx, c)
	if err != nil {
		return err
	}
	if o.json {
		return a.printJSON(json.RawMessage(body))
	}
	var answer T
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("answer of %s: %w", client.base, err)
	}
	show(client, answer)
	return nil
}

func (a *app) runBrowserStatus(ctx context.Context, o browserOptions, _ string) error {
	return browse(ctx, a, o, browserCall{"GET", "/", nil}, func(c *browserClient, s api.Status) {
		pen := a.pen(a.Out)
		state := "stopped"
		if s.Running {
			state = "running"
		}
		a.printf("%s %s, browser profile %s: %s\n", pen.dot(state), pen.bold(c.profile.Name), s.Profile, pen.state(state))
		a.wrapped(pen.dim("  control  "), s.ControlURL)
		if s.CDPURL != "" {
			a.wrapped(pen.dim("  cdp      "), s.CDPURL)
		}
		switch {
		case s.PID != nil:
			a.wrapped(pen.dim("  program  "), fmt.Sprintf("%s, pid %d", a.short(text(s.DetectedExecutablePath)), *s.PID))
		case s.DetectError != nil:
			a.wrapped(pen.bad("! "), *s.DetectError)
		case s.DetectedExecutablePath != nil:
			a.wrapped(pen.dim("  program  "), a.short(*s.DetectedExecutablePath))
		}
		if s.UserDataDir != nil {
			a.wrapped(pen.dim("  data     "), a.short(*s.UserDataDir))
		}
		for _, n := range s.Notes {
			a.wrapped(pen.dim("  note     "), n)
		}
	})
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (a *app) runBrowserStart(ctx context.Context, o browserOptions, _ string) error {
	return browse(ctx, a, o, browserCall{"POST", "/start", nil}, func(c *browserClient, s api.Started) {
		a.printf("%s: browser profile %s runs.\n", c.profile.Name, s.Profile)
	})
}

func (a *app) runBrowserStop(ctx context.Context, o browserOptions, _ string) error {
	return browse(ctx, a, o, browserCall{"POST", "/stop", nil}, func(c *browserClient, s api.Stopped) {
		what := "did not run"
		if s.Stopped {
			what = "stopped"
		}
		a.printf("%s: browser profile %s %s.\n", c.profile.Name, s.Profile, what)
	})
}

func (a *app) runBrowserTabs(ctx context.Context, o browserOptions, _ string) error {
	return browse(ctx, a, o, browserCall{"GET", "/tabs", nil}, func(c *browserClient, t api.Tabs) {
		switch {
		case !t.Running:
			a.printf("%s: the browser does not run; this starts it: %s\n", c.profile.Name, c.profile.Command("browser "+o.chosen()+"start"))
		case len(t.Tabs) == 0:
			a.printf("%s: no tab is open.\n", c.profile.Name)
		default:
			a.printTabs(t.Tabs)
		}
	})
}

// printTabs prints each tab on two lines: id and title, then the address.
func (a *app) printTabs(tabs []api.Tab) {
	pen := a.pen(a.Out)
	for _, t := range tabs {
		id := t.TargetID[:min(8, len(t.TargetID))]
		title := printable(t.Title)
		if title == "" {
			title = "(no title)"
		}
		a.printf("%s  %s\n", pen.bold(id), ansi.Truncate(title, a.width()-10, "…"))
		a.printf("          %s\n", pen.dim(ansi.Truncate(printable(t.URL), a.width()-10, "…")))
	}
}

func (a *app) runBrowserOpen(ctx context.Context, o browserOptions, address string) error {
	return browse(ctx, a, o, browserCall{"POST", "/tabs/open", api.OpenRequest{URL: withScheme(address)}}, func(_ *browserClient, t api.Opened) {
		a.printTabs([]api.Tab{t.Tab})
	})
}

// withScheme makes an address of what people type, such as localhost:8080.
func withScheme(address string) string {
	head, rest, colon := strings.Cut(address, ":")
	port := rest != "" && rest[0] >= '0' && rest[0] <= '9'
	switch {
	case address == "", strings.HasPrefix(address, "/"), head == "data",
		colon && !port && !strings.ContainsAny(head, "/.["):
		return address
	}
	return "http://" + address
}

func (a *app) runBrowserFocus(ctx context.Context, o browserOptions, target string) error {
	return browse(ctx, a, o, browserCall{"POST", "/tabs/focus", api.TargetRequest{TargetID: target}}, func(c *browserClient, _ api.Done) {
		a.printf("%s: tab %s is in front.\n", c.profile.Name, target)
	})
}

func (a *app) runBrowserClose(ctx context.Context, o browserOptions, target string) error {
	if target == "" {
		var err error
		if target, err = a.onlyTab(ctx, o); err != nil {
			return err
		}
	}
	return browse(ctx, a, o, browserCall{"DELETE", "/tabs/" + url.PathEscape(target), nil}, func(c *browserClient, _ api.Done) {
		a.printf("%s: tab %s closed.\n", c.profile.Name, target[:min(8, len(target))])
	})
}

// onlyTab is the tab that close means when it is not told: with more than one,
// a guess could lose somebody's work.
func (a *app) onlyTab(ctx context.Context, o browserOptions) (string, error) {
	c, err := a.browserClient(o)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	body, err := c.call(ctx, browserCall{"GET", "/tabs", nil})
	if err != nil {
		return "", err
	}
	var t api.Tabs
	if err := json.Unmarshal(body, &t); err != nil {
		return "", fmt.Errorf("answer of %s: %w", c.base, err)
	}
	switch {
	case !t.Running || len(t.Tabs) == 0:
		return "", &exitError{exitFailed, errors.New("there is no tab to close"), ""}
	case len(t.Tabs) > 1:
		return "", &exitError{exitUsage, fmt.Errorf("%s are open: say which one to close", count(len(t.Tabs), "tab")), c.profile.Command("browser tabs")}
	}
	return t.Tabs[0].TargetID, nil
}

func (a *app) runBrowserProfiles(ctx context.Context, o browserOptions, _ string) error {
	return browse(ctx, a, o, browserCall{"GET", "/profiles", nil}, func(_ *browserClient, all api.Profiles) {
		pen := a.pen(a.Out)
		var t table
		t.row(heads(pen, "NAME", "STATE", "TABS", "CDP", "")...)
		for _, p := range all.Profiles {
			state, note, port := "stopped", "", "-"
			if p.Running {
				state = "running"
			}
			if p.IsDefault {
				note = "default"
			}
			if p.CDPPort != 0 {
				port = strconv.Itoa(p.CDPPort)
			}
			t.row(pen.bold(p.Name), pen.state(state), strconv.Itoa(p.TabCount), port, pen.dim(note))
		}
		t.print(a.Out)
	})
}
