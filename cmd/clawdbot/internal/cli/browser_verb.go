package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/browser/api"
)

// browserVerb is a command that makes one call to browser control.
type browserVerb[In, Out any] struct {
	use, short string
	args       []string // names of the arguments, as takes has them; the last one may end in …
	method     string   // "" means POST
	path       string
	in         In // what is sent; flags and fill change it
	flags      func(*pflag.FlagSet, *In)
	fill       func(in *In, args []string) error
	takes      func(In) time.Duration // how long the call itself may take; nil means not long
	keep       func(Out) error        // what to do with the answer before it is shown
	show       func(c *browserClient, in In, out Out)
}

// grace is how much longer than the call itself an answer may take.
const grace = 5 * time.Second

// command makes the command.
func (v browserVerb[In, Out]) command(a *app, o *browserOptions) *cobra.Command {
	if v.method == "" {
		v.method = "POST"
	}
	cmd := &cobra.Command{Use: v.use, Short: v.short, Args: argsOf(v.args), RunE: func(cmd *cobra.Command, args []string) error {
		if v.fill != nil {
			if err := v.fill(&v.in, args); err != nil {
				return usage(cmd, "%w", err)
			}
		}
		now := *o
		if v.takes != nil && !cmd.Flags().Changed("timeout") {
			now.timeout = max(now.timeout, v.takes(v.in)+grace)
		}
		var kept error
		err := browse(cmd.Context(), a, now, browserCall{v.method, v.path, v.in}, func(c *browserClient, out Out) {
			if v.keep != nil {
				kept = v.keep(out)
			}
			if kept == nil {
				v.show(c, v.in, out)
			}
		})
		return cmp.Or(err, kept)
	}}
	if v.flags != nil {
		v.flags(cmd.Flags(), &v.in)
	}
	return cmd
}

// argsOf is takes, whose last name may stand for several arguments.
func argsOf(names []string) cobra.PositionalArgs {
	if len(names) == 0 || !strings.HasSuffix(strings.TrimSuffix(names[len(names)-1], "]"), "…") {
		return takes(names...)
	}
	return func(cmd *cobra.Command, args []string) error {
		return takes(names...)(cmd, args[:min(len(args), len(names))])
	}
}

// onTab adds the flag that chooses the tab.
func onTab(f *pflag.FlagSet, in *api.TabRequest) {
	f.StringVar(&in.TargetID, "target-id", "", "`ID` of the tab, or its first letters; without it the tab used last")
}

// waitsFor adds --timeout-ms.
func waitsFor(f *pflag.FlagSet, ms *int, what string) {
	f.IntVar(ms, "timeout-ms", 0, "milliseconds to wait for "+what)
}

// waiting is how long a call waits that was given milliseconds, or else takes
// its usual time.
func waiting(ms int, usual time.Duration) time.Duration {
	if ms == 0 {
		return usual
	}
	return time.Duration(ms) * time.Millisecond
}

// said prints a sentence about a tab: what was done, and where.
func (c *browserClient) said(targetID, format string, args ...any) {
	where := ""
	if targetID != "" {
		where = c.app.pen(c.app.Out).dim(" (tab " + targetID[:min(8, len(targetID))] + ")")
	}
	c.app.printf("%s: %s%s\n", c.profile.Name, printable(fmt.Sprintf(format, args...)), where)
}

// number reads an argument that is a whole number.
func number(name, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%s must be a whole number, got %q", name, text)
	}
	return n, nil
}

// decimal reads an argument that is a number.
func decimal(name, text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%s must be a number, got %q", name, text)
	}
	return n, nil
}

// absolute makes paths of files absolute: the gateway has a folder of its own.
func absolute(paths []string) ([]string, error) {
	out := make([]string, len(paths))
	for i, path := range paths {
		var err error
		if out[i], err = filepath.Abs(path); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// printableLines is printable, line by line.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}
