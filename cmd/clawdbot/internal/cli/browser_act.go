package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/browser/api"
)

// How long acting on a page may take.
const (
	actTime  = 60 * time.Second
	hookTime = 120 * time.Second // for people's doing, a download, a dialog
)

// actVerb is a kind of POST /act.
type actVerb struct {
	kind, use, short string
	args             []string
	flags            func(*pflag.FlagSet, *api.ActRequest)
	fill             func(in *api.ActRequest, args []string) error
	did              func(in api.ActRequest) string
}

func (v actVerb) command(a *app, o *browserOptions) *cobra.Command {
	return browserVerb[api.ActRequest, api.Acted]{
		use: v.use, short: v.short, args: v.args, path: "/act", in: api.ActRequest{Kind: v.kind}, fill: v.fill,
		flags: func(f *pflag.FlagSet, in *api.ActRequest) {
			onTab(f, &in.TabRequest)
			waitsFor(f, &in.TimeoutMs, "it to be possible")
			if v.flags != nil {
				v.flags(f, in)
			}
		},
		takes: func(in api.ActRequest) time.Duration {
			return waiting(in.TimeoutMs, actTime) + time.Duration(min(in.TimeMs, 1e6))*time.Millisecond
		},
		show: func(c *browserClient, in api.ActRequest, out api.Acted) {
			did := v.did(in)
			if out.URL != "" {
				did += ", the page is " + out.URL
			}
			c.said(out.TargetID, "%s", did)
		},
	}.command(a, o)
}

// ref puts the first argument where the kinds have their element.
func ref(in *api.ActRequest, args []string) error {
	in.Ref = args[0]
	return nil
}

func browserActs(a *app, o *browserOptions) []*cobra.Command {
	verbs := []actVerb{
		{kind: "click", use: "click REF", short: "Click an element of the last snapshot", args: []string{"REF"}, fill: ref,
			flags: func(f *pflag.FlagSet, in *api.ActRequest) {
				f.BoolVar(&in.DoubleClick, "double", false, "click twice")
				f.StringVar(&in.Button, "button", "", "left, right or middle `BUTTON`")
				f.StringSliceVar(&in.Modifiers, "modifiers", nil, "`KEYS` held down: Alt, Control, Meta, Shift")
			},
			did: func(in api.ActRequest) string { return "clicked " + in.Ref }},
		{kind: "type", use: "type REF TEXT", short: "Type a text into a field", args: []string{"REF", "TEXT"},
			flags: func(f *pflag.FlagSet, in *api.ActRequest) {
				f.BoolVar(&in.Submit, "submit", false, "press Enter after it")
				f.BoolVar(&in.Slowly, "slowly", false, "key by key, as people do")
			},
			fill: func(in *api.ActRequest, args []string) error { in.Ref, in.Text = args[0], args[1]; return nil },
			did:  func(in api.ActRequest) string { return "typed into " + in.Ref }},
		{kind: "press", use: "press KEY", short: "Press a key, such as Enter or Control+A", args: []string{"KEY"},
			fill: func(in *api.ActRequest, args []string) error { in.Key = args[0]; return nil },
			did:  func(in api.ActRequest) string { return "pressed " + in.Key }},
		{kind: "hover", use: "hover REF", short: "Move the mouse over an element", args: []string{"REF"}, fill: ref,
			did: func(in api.ActRequest) string { return "the mouse is over " + in.Ref }},
		{kind: "scrollIntoView", use: "scrollintoview REF", short: "Scroll until an element is in view", args: []string{"REF"}, fill: ref,
			did: func(in api.ActRequest) string { return in.Ref + " is in view" }},
		{kind: "drag", use: "drag FROM TO", short: "Drag one element onto another", args: []string{"FROM", "TO"},
			fill: func(in *api.ActRequest, args []string) error { in.StartRef, in.EndRef = args[0], args[1]; return nil },
			did:  func(in api.ActRequest) string { return fmt.Sprintf("dragged %s onto %s", in.StartRef, in.EndRef) }},
		{kind: "select", use: "select REF OPTION…", short: "Choose options by their values or labels", args: []string{"REF", "OPTION…"},
			fill: func(in *api.ActRequest, args []string) error { in.Ref, in.Values = args[0], args[1:]; return nil },
			did: func(in api.ActRequest) string {
				return fmt.Sprintf("chose %s in %s", strings.Join(in.Values, ", "), in.Ref)
			}},
		{kind: "resize", use: "resize WIDTH HEIGHT", short: "Change the size of the page's view", args: []string{"WIDTH", "HEIGHT"}, fill: size,
			did: func(in api.ActRequest) string {
				return fmt.Sprintf("the view has %d × %d pixels", in.Width, in.Height)
			}},
	}
	var cmds []*cobra.Command
	for _, v := range verbs {
		cmds = append(cmds, v.command(a, o))
	}
	return append(cmds, browserFill(a, o), browserWait(a, o), browserEvaluate(a, o))
}

func size(in *api.ActRequest, args []string) (err error) {
	if in.Width, err = number("WIDTH", args[0]); err != nil {
		return err
	}
	in.Height, err = number("HEIGHT", args[1])
	return err
}

func browserFill(a *app, o *browserOptions) *cobra.Command {
	var fields, file string
	return actVerb{
		kind: "fill", use: "fill [REF=VALUE…]", short: "Fill the fields of a form", args: []string{"[REF=VALUE…]"},
		flags: func(f *pflag.FlagSet, _ *api.ActRequest) {
			f.StringVar(&fields, "fields", "", "the fields as a `JSON` list of {ref, type, value}")
			f.StringVar(&file, "fields-file", "", "`FILE` with such a list")
		},
		fill: func(in *api.ActRequest, args []string) error {
			if file != "" {
				body, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				fields = string(body)
			}
			if fields != "" {
				if err := json.Unmarshal([]byte(fields), &in.Fields); err != nil {
					return fmt.Errorf(`the fields must be a JSON list such as [{"ref": "e1", "value": "text"}]: %w`, err)
				}
			}
			for _, arg := range args {
				ref, value, ok := strings.Cut(arg, "=")
				if !ok {
					return fmt.Errorf("%q is no field: write it like e12=text", arg)
				}
				in.Fields = append(in.Fields, api.FormField{Ref: ref, Value: value})
			}
			if len(in.Fields) == 0 {
				return errors.New("fill needs fields, such as e12=text")
			}
			return nil
		},
		did: func(in api.ActRequest) string { return "filled " + count(len(in.Fields), "field") },
	}.command(a, o)
}

func browserWait(a *app, o *browserOptions) *cobra.Command {
	return actVerb{
		kind: "wait", use: "wait [SELECTOR]", short: "Wait until the page is as it should be", args: []string{"[SELECTOR]"},
		flags: func(f *pflag.FlagSet, in *api.ActRequest) {
			f.IntVar(&in.TimeMs, "time", 0, "wait so many `MS` first")
			f.StringVar(&in.Text, "text", "", "until this `TEXT` appears")
			f.StringVar(&in.TextGone, "text-gone", "", "until this `TEXT` is gone")
			f.StringVar(&in.URL, "url", "", "until the address fits this `GLOB`, such as **/done")
			f.StringVar(&in.LoadState, "load", "", "until this `STATE`: load, domcontentloaded or networkidle")
			f.StringVar(&in.Fn, "fn", "", "until this `JAVASCRIPT` becomes true")
		},
		fill: func(in *api.ActRequest, args []string) error {
			if len(args) > 0 {
				in.Selector = args[0]
			}
			return nil
		},
		did: func(api.ActRequest) string { return "the page is as it should be" },
	}.command(a, o)
}

func browserEvaluate(a *app, o *browserOptions) *cobra.Command {
	return browserVerb[api.ActRequest, struct {
		Result json.RawMessage `json:"result"`
	}]{
		use: "evaluate [JAVASCRIPT]", short: "Run an expression or a function in the page and print what it returns", args: []string{"[JAVASCRIPT]"},
		path: "/act", in: api.ActRequest{Kind: "evaluate"},
		flags: func(f *pflag.FlagSet, in *api.ActRequest) {
			onTab(f, &in.TabRequest)
			waitsFor(f, &in.TimeoutMs, "its end")
			f.StringVar(&in.Fn, "fn", "", "the `JAVASCRIPT`, such as '(el) => el.textContent'")
			f.StringVar(&in.Ref, "ref", "", "`REF` of the element that the function is given")
		},
		fill: func(in *api.ActRequest, args []string) error {
			if len(args) > 0 {
				in.Fn = args[0]
			}
			if in.Fn == "" {
				return errors.New("evaluate needs an expression or a function, such as 'document.title'")
			}
			return nil
		},
		takes: func(in api.ActRequest) time.Duration { return waiting(in.TimeoutMs, actTime) },
		show: func(c *browserClient, _ api.ActRequest, out struct {
			Result json.RawMessage `json:"result"`
		}) {
			if len(out.Result) == 0 {
				out.Result = json.RawMessage("null")
			}
			c.app.printf("%s\n", printableLines(string(out.Result)))
		},
	}.command(a, o)
}
