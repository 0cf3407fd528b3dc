package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/browser/api"
)

// browserHooks are the commands about what leaves or enters the page: files,
// dialogs, responses.
func browserHooks(a *app, o *browserOptions) []*cobra.Command {
	var accept, dismiss bool
	downloaded := func(c *browserClient, _ api.DownloadRequest, out api.Downloaded) {
		c.app.printf("%s\n", out.Download.Path)
	}
	downloading := func(in api.DownloadRequest) time.Duration { return waiting(in.TimeoutMs, hookTime) }
	return []*cobra.Command{
		browserVerb[api.ChooserRequest, api.Done]{
			use: "upload FILE…", short: "Give files to an input, or to the next file chooser", args: []string{"FILE…"}, path: "/hooks/file-chooser",
			flags: func(f *pflag.FlagSet, in *api.ChooserRequest) {
				onTab(f, &in.TabRequest)
				waitsFor(f, &in.TimeoutMs, "a chooser to open")
				f.StringVar(&in.Ref, "ref", "", "`REF` to click, which opens the chooser")
				f.StringVar(&in.InputRef, "input-ref", "", "`REF` of the input")
				f.StringVar(&in.Element, "element", "", "CSS `SELECTOR` of the input")
			},
			fill: func(in *api.ChooserRequest, args []string) (err error) { in.Paths, err = absolute(args); return err },
			show: func(c *browserClient, in api.ChooserRequest, _ api.Done) {
				if in.Ref+in.InputRef+in.Element == "" {
					c.said("", "the next file chooser gets %s", count(len(in.Paths), "file"))
					return
				}
				c.said("", "uploaded %s", count(len(in.Paths), "file"))
			},
		}.command(a, o),
		browserVerb[api.DownloadRequest, api.Downloaded]{
			use: "download REF [FILE]", short: "Click an element and keep what it downloads", args: []string{"REF", "[FILE]"}, path: "/download",
			flags: func(f *pflag.FlagSet, in *api.DownloadRequest) {
				onTab(f, &in.TabRequest)
				waitsFor(f, &in.TimeoutMs, "the download")
			},
			fill: func(in *api.DownloadRequest, args []string) error {
				in.Ref = args[0]
				return downloadTo(in, args[1:])
			},
			takes: downloading, show: downloaded,
		}.command(a, o),
		browserVerb[api.DownloadRequest, api.Downloaded]{
			use: "waitfordownload [FILE]", short: "Wait for the next download", args: []string{"[FILE]"}, path: "/wait/download",
			flags: func(f *pflag.FlagSet, in *api.DownloadRequest) {
				onTab(f, &in.TabRequest)
				waitsFor(f, &in.TimeoutMs, "the download")
			},
			fill: downloadTo, takes: downloading, show: downloaded,
		}.command(a, o),
		browserVerb[api.DialogRequest, api.Done]{
			use: "dialog", short: "Say what the next dialog of the page is answered with", path: "/hooks/dialog",
			flags: func(f *pflag.FlagSet, in *api.DialogRequest) {
				onTab(f, &in.TabRequest)
				waitsFor(f, &in.TimeoutMs, "a dialog")
				f.BoolVar(&accept, "accept", false, "with OK")
				f.BoolVar(&dismiss, "dismiss", false, "with Cancel")
				f.StringVar(&in.PromptText, "prompt", "", "with this `TEXT`")
			},
			fill: func(in *api.DialogRequest, _ []string) error {
				if accept == dismiss {
					return errors.New("dialog needs --accept or --dismiss")
				}
				in.Accept = &accept
				return nil
			},
			show: func(c *browserClient, in api.DialogRequest, _ api.Done) {
				if *in.Accept {
					c.said("", "the next dialog is accepted")
					return
				}
				c.said("", "the next dialog is dismissed")
			},
		}.command(a, o),
		browserVerb[api.ResponseBodyRequest, api.ResponseBody]{
			use: "responsebody URL", short: "Wait for the next response of an address and print its body", args: []string{"URL"}, path: "/response/body",
			flags: func(f *pflag.FlagSet, in *api.ResponseBodyRequest) {
				onTab(f, &in.TabRequest)
				waitsFor(f, &in.TimeoutMs, "the response")
				f.IntVar(&in.MaxChars, "max-chars", 0, "longest body in characters")
			},
			fill:  func(in *api.ResponseBodyRequest, args []string) error { in.URL = args[0]; return nil },
			takes: func(in api.ResponseBodyRequest) time.Duration { return waiting(in.TimeoutMs, 20*time.Second) },
			show: func(c *browserClient, _ api.ResponseBodyRequest, out api.ResponseBody) {
				c.app.printf("%s\n", printableLines(out.Response.Body))
				if out.Response.Truncated {
					c.said(out.TargetID, "the body is longer: --max-chars shows more")
				}
			},
		}.command(a, o),
	}
}

func downloadTo(in *api.DownloadRequest, args []string) error {
	if len(args) == 0 {
		return nil
	}
	paths, err := absolute(args)
	if err != nil {
		return err
	}
	in.Path = paths[0]
	return nil
}
