package cli

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/browser/api"
)

// browserLooks are the commands that tell what the page shows and does.
func browserLooks(a *app, o *browserOptions) []*cobra.Command {
	return append(browserPictures(a, o), browserSnapshot(a, o), browserConsole(a, o), browserErrors(a, o), browserRequests(a, o), browserTrace(a, o))
}

func browserPictures(a *app, o *browserOptions) []*cobra.Command {
	target := func(in *api.TabRequest, args []string) error {
		if len(args) > 0 {
			in.TargetID = args[0]
		}
		return nil
	}
	slow := 60 * time.Second
	return []*cobra.Command{
		browserVerb[api.ScreenshotRequest, api.Screenshot]{
			use: "screenshot [TARGET]", short: "Take a picture of the page and print its path", args: []string{"[TARGET]"}, path: "/screenshot",
			flags: func(f *pflag.FlagSet, in *api.ScreenshotRequest) {
				onTab(f, &in.TabRequest)
				f.BoolVar(&in.FullPage, "full-page", false, "the whole page, not only what is in view")
				f.StringVar(&in.Ref, "ref", "", "only the element with this `REF`")
				f.StringVar(&in.Element, "element", "", "only the element that fits this CSS `SELECTOR`")
				f.StringVar(&in.Type, "type", "", "png or jpeg")
			},
			fill: func(in *api.ScreenshotRequest, args []string) error { return target(&in.TabRequest, args) },
			show: func(c *browserClient, _ api.ScreenshotRequest, out api.Screenshot) { c.app.printf("%s\n", out.Path) },
		}.command(a, o),
		browserVerb[api.TabRequest, api.PDF]{
			use: "pdf [TARGET]", short: "Print the page into a PDF and print its path", args: []string{"[TARGET]"}, path: "/pdf",
			flags: onTab, fill: target, takes: func(api.TabRequest) time.Duration { return slow },
			show: func(c *browserClient, _ api.TabRequest, out api.PDF) { c.app.printf("%s\n", out.Path) },
		}.command(a, o),
		browserVerb[api.HighlightRequest, api.OnTab]{
			use: "highlight REF", short: "Show where an element is", args: []string{"REF"}, path: "/highlight",
			flags: func(f *pflag.FlagSet, in *api.HighlightRequest) { onTab(f, &in.TabRequest) },
			fill:  func(in *api.HighlightRequest, args []string) error { in.Ref = args[0]; return nil },
			show: func(c *browserClient, in api.HighlightRequest, out api.OnTab) {
				c.said(out.TargetID, "%s is highlighted", in.Ref)
			},
		}.command(a, o),
	}
}

func browserSnapshot(a *app, o *browserOptions) *cobra.Command {
	var out string
	var efficient bool
	return browserVerb[api.SnapshotRequest, api.Snapshot]{
		use: "snapshot", short: "Print what the page says, with refs to act on", method: "GET", path: "/snapshot",
		flags: func(f *pflag.FlagSet, in *api.SnapshotRequest) {
			onTab(f, &in.TabRequest)
			f.StringVar(&in.Format, "format", "", "`FORMAT`: ai, or aria for the browser's own accessibility tree")
			f.IntVar(&in.Limit, "limit", 0, "most nodes of the aria format")
			f.IntVar(&in.MaxChars, "max-chars", 0, "longest text in characters")
			f.StringVar(&in.Mode, "mode", "", "`MODE`: efficient or full; without it what browser.snapshotDefaults says")
			f.BoolVar(&efficient, "efficient", false, "what can be operated, in short")
			f.BoolVar(&in.Interactive, "interactive", false, "only what can be operated")
			f.BoolVar(&in.Compact, "compact", false, "without elements that only hold others")
			f.IntVar(&in.Depth, "depth", 0, "deepest level")
			f.StringVar(&in.Selector, "selector", "", "only what is in the element that fits this CSS `SELECTOR`")
			f.StringVar(&in.Frame, "frame", "", "only what is in the iframe that fits this CSS `SELECTOR`")
			f.BoolVar(&in.Labels, "labels", false, "with a picture that shows the refs")
			f.StringVar(&out, "out", "", "write it to a `FILE` instead")
		},
		fill: func(in *api.SnapshotRequest, _ []string) error {
			if efficient {
				in.Mode = "efficient"
			}
			return nil
		},
		keep: func(s api.Snapshot) error {
			if out == "" {
				return nil
			}
			return os.WriteFile(out, []byte(snapshotText(s)), 0o600)
		},
		show: func(_ *browserClient, _ api.SnapshotRequest, s api.Snapshot) { a.showSnapshot(s, out) },
	}.command(a, o)
}

// showSnapshot prints a snapshot, or where it was written to.
func (a *app) showSnapshot(s api.Snapshot, file string) {
	if file != "" {
		a.printf("%s\n", file)
	} else {
		a.printf("%s", printableLines(snapshotText(s)))
	}
	if s.Truncated {
		a.printf("%s\n", a.pen(a.Out).dim("… there is more: --max-chars or --limit shows more, --selector a part"))
	}
	if s.ImagePath != "" {
		a.printf("%s\n", s.ImagePath)
	}
}

// snapshotText is a snapshot of either format, a line for each node.
func snapshotText(s api.Snapshot) string {
	if s.Format != "aria" {
		return strings.TrimSuffix(s.Snapshot, "\n") + "\n"
	}
	var b strings.Builder
	for _, n := range s.Nodes {
		b.WriteString(strings.Repeat("  ", n.Depth) + "- " + n.Role)
		if n.Name != "" {
			b.WriteString(" " + strconv.Quote(n.Name))
		}
		if n.Value != "" {
			b.WriteString(": " + strconv.Quote(n.Value))
		}
		b.WriteString(" [ref=" + n.Ref + "]\n")
	}
	return b.String()
}

func browserConsole(a *app, o *browserOptions) *cobra.Command {
	return browserVerb[api.ConsoleRequest, api.Console]{
		use: "console", short: "Print what the page wrote to its console", method: "GET", path: "/console",
		flags: func(f *pflag.FlagSet, in *api.ConsoleRequest) {
			onTab(f, &in.TabRequest)
			f.StringVar(&in.Level, "level", "", "least `LEVEL`: error, warning, info or debug")
		},
		show: func(c *browserClient, _ api.ConsoleRequest, out api.Console) {
			if len(out.Messages) == 0 {
				c.said(out.TargetID, "the console is empty")
			}
			pen := a.pen(a.Out)
			for _, m := range out.Messages {
				a.printf("%s %-7s %s%s\n", pen.dim(clockOf(m.Timestamp)), printable(m.Type), printableLines(m.Text), pen.dim(place(m.Location)))
			}
		},
	}.command(a, o)
}

// clockOf is the time of day of a time stamp, in local time.
func clockOf(stamp string) string {
	at, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return printable(stamp)
	}
	return at.Local().Format("15:04:05.000")
}

// place is where in a script something happened, counted from 1 as editors do.
func place(l api.Location) string {
	if l.URL == "" {
		return ""
	}
	return "  " + printable(l.URL) + ":" + strconv.FormatInt(l.LineNumber+1, 10)
}

func browserErrors(a *app, o *browserOptions) *cobra.Command {
	return browserVerb[api.ErrorsRequest, api.Errors]{
		use: "errors", short: "Print the exceptions that no script of the page caught", method: "GET", path: "/errors",
		flags: func(f *pflag.FlagSet, in *api.ErrorsRequest) {
			onTab(f, &in.TabRequest)
			f.BoolVar(&in.Clear, "clear", false, "and forget them")
		},
		show: func(c *browserClient, _ api.ErrorsRequest, out api.Errors) {
			if len(out.Errors) == 0 {
				c.said(out.TargetID, "the page has no errors")
			}
			pen := a.pen(a.Out)
			for _, e := range out.Errors {
				a.printf("%s %s\n", pen.dim(clockOf(e.Timestamp)), pen.bad(printableLines(e.Message)))
				if e.Stack != "" {
					a.printf("%s\n", pen.dim(printableLines(e.Stack)))
				}
			}
		},
	}.command(a, o)
}

func browserRequests(a *app, o *browserOptions) *cobra.Command {
	return browserVerb[api.RequestsRequest, api.Requests]{
		use: "requests", short: "List what the page asked of the network", method: "GET", path: "/requests",
		flags: func(f *pflag.FlagSet, in *api.RequestsRequest) {
			onTab(f, &in.TabRequest)
			f.StringVar(&in.Filter, "filter", "", "only addresses that hold this `TEXT` or fit this glob")
			f.BoolVar(&in.Clear, "clear", false, "and forget all of them")
		},
		show: func(c *browserClient, _ api.RequestsRequest, out api.Requests) {
			if len(out.Requests) == 0 {
				c.said(out.TargetID, "no requests were seen")
				return
			}
			var t table
			for _, r := range out.Requests {
				state := "…"
				switch {
				case r.FailureText != "":
					state = printable(r.FailureText)
				case r.Status != 0:
					state = strconv.FormatInt(r.Status, 10)
				}
				t.row(a.pen(a.Out).dim(clockOf(r.Timestamp)), printable(r.Method), state, printable(r.ResourceType), printable(r.URL))
			}
			t.print(a.Out)
		},
	}.command(a, o)
}

func browserTrace(a *app, o *browserOptions) *cobra.Command {
	var noPictures, noSnapshots bool
	return newGroup(&cobra.Command{
		Use: "trace", Short: "Record what the browser does, for chrome://tracing and ui.perfetto.dev",
	},
		browserVerb[api.TraceStartRequest, api.OnTab]{
			use: "start", short: "Begin to record", path: "/trace/start",
			flags: func(f *pflag.FlagSet, in *api.TraceStartRequest) {
				onTab(f, &in.TabRequest)
				f.BoolVar(&noPictures, "no-screenshots", false, "without pictures of the page")
				f.BoolVar(&noSnapshots, "no-snapshots", false, "changes nothing: a Chrome trace has no snapshots")
				f.BoolVar(&in.Sources, "sources", false, "changes nothing: a Chrome trace has no sources")
			},
			fill: func(in *api.TraceStartRequest, _ []string) error { in.Screenshots = !noPictures; return nil },
			show: func(c *browserClient, _ api.TraceStartRequest, out api.OnTab) {
				c.said(out.TargetID, "the browser is recorded")
			},
		}.command(a, o),
		browserVerb[api.TraceStopRequest, api.Trace]{
			use: "stop", short: "End the recording and print the path of its zip", path: "/trace/stop",
			flags: func(f *pflag.FlagSet, in *api.TraceStopRequest) {
				onTab(f, &in.TabRequest)
				f.StringVar(&in.Path, "out", "", "the `FILE` to write")
			},
			fill: func(in *api.TraceStopRequest, _ []string) error {
				if in.Path == "" {
					return nil
				}
				paths, err := absolute([]string{in.Path})
				in.Path = paths[0]
				return err
			},
			takes: func(api.TraceStopRequest) time.Duration { return 60 * time.Second },
			show:  func(_ *browserClient, _ api.TraceStopRequest, out api.Trace) { a.printf("%s\n", out.Path) },
		}.command(a, o),
	)
}
