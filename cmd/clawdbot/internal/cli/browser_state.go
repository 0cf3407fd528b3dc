package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/browser/api"
)

// browserStates are the commands about what the browser keeps for pages, and
// what it makes them believe.
func browserStates(a *app, o *browserOptions) []*cobra.Command {
	return []*cobra.Command{
		browserCookies(a, o),
		newGroup(&cobra.Command{Use: "storage", Short: "Read and change what pages store"}, browserStorage(a, o, "local"), browserStorage(a, o, "session")),
		newGroup(&cobra.Command{Use: "set", Short: "Change what pages are told of the world"},
			append(browserSettings(a, o), browserHeaders(a, o), browserCredentials(a, o), browserGeolocation(a, o))...),
	}
}

// didOnTab shows a sentence.
func didOnTab[In any](format string, args func(In) []any) func(*browserClient, In, api.OnTab) {
	return func(c *browserClient, in In, out api.OnTab) { c.said(out.TargetID, format, args(in)...) }
}

func browserCookies(a *app, o *browserOptions) *cobra.Command {
	var cookie api.NewCookie
	list := browserVerb[api.TabRequest, api.Cookies]{
		use: "cookies", short: "List the browser's cookies", method: "GET", path: "/cookies", flags: onTab,
		show: func(c *browserClient, _ api.TabRequest, out api.Cookies) {
			if len(out.Cookies) == 0 {
				c.said("", "there are no cookies")
				return
			}
			pen := a.pen(a.Out)
			var t table
			t.row(heads(pen, "NAME", "VALUE", "DOMAIN", "PATH")...)
			for _, k := range out.Cookies {
				t.row(pen.bold(printable(k.Name)), printable(k.Value), printable(k.Domain), printable(k.Path))
			}
			t.print(a.Out)
		},
	}.command(a, o)
	group := newGroupOr(list, list.RunE,
		browserVerb[api.SetCookieRequest, api.OnTab]{
			use: "set NAME VALUE", short: "Set a cookie", args: []string{"NAME", "VALUE"}, path: "/cookies/set",
			flags: func(f *pflag.FlagSet, in *api.SetCookieRequest) {
				onTab(f, &in.TabRequest)
				f.StringVar(&cookie.URL, "url", "", "`URL` of a page that gets it")
				f.StringVar(&cookie.Domain, "domain", "", "`DOMAIN` that gets it, with --path")
				f.StringVar(&cookie.Path, "path", "", "`PATH` below which it is sent")
			},
			fill: func(in *api.SetCookieRequest, args []string) error {
				if cookie.URL == "" && cookie.Domain == "" {
					return errors.New("cookies set needs --url, or --domain and --path")
				}
				cookie.Name, cookie.Value = args[0], &args[1]
				in.Cookie = &cookie
				return nil
			},
			show: didOnTab("cookie %s is set", func(in api.SetCookieRequest) []any { return []any{in.Cookie.Name} }),
		}.command(a, o),
		browserVerb[api.TabRequest, api.OnTab]{
			use: "clear", short: "Delete all cookies", path: "/cookies/clear", flags: onTab,
			show: didOnTab("all cookies are deleted", func(api.TabRequest) []any { return nil }),
		}.command(a, o),
	)
	return group
}

func browserStorage(a *app, o *browserOptions, kind string) *cobra.Command {
	path := "/storage/" + kind
	return newGroup(&cobra.Command{Use: kind, Short: "The page's " + kind + "Storage"},
		browserVerb[api.StorageRequest, api.Storage]{
			use: "get [KEY]", short: "Print what is stored", args: []string{"[KEY]"}, method: "GET", path: path, in: api.StorageRequest{Kind: kind},
			flags: func(f *pflag.FlagSet, in *api.StorageRequest) { onTab(f, &in.TabRequest) },
			fill: func(in *api.StorageRequest, args []string) error {
				in.Key = append(args, "")[0]
				return nil
			},
			show: func(c *browserClient, _ api.StorageRequest, out api.Storage) {
				if len(out.Values) == 0 {
					c.said(out.TargetID, "nothing is stored")
				}
				pen := a.pen(a.Out)
				for _, key := range slices.Sorted(maps.Keys(out.Values)) {
					a.printf("%s %s\n", pen.bold(printable(key)), printableLines(out.Values[key]))
				}
			},
		}.command(a, o),
		browserVerb[api.SetStorageRequest, api.OnTab]{
			use: "set KEY VALUE", short: "Store a value", args: []string{"KEY", "VALUE"}, path: path + "/set", in: api.SetStorageRequest{Kind: kind},
			flags: func(f *pflag.FlagSet, in *api.SetStorageRequest) { onTab(f, &in.TabRequest) },
			fill: func(in *api.SetStorageRequest, args []string) error {
				in.Key, in.Value = args[0], &args[1]
				return nil
			},
			show: didOnTab("%s is stored", func(in api.SetStorageRequest) []any { return []any{in.Key} }),
		}.command(a, o),
		browserVerb[api.StorageRequest, api.OnTab]{
			use: "clear", short: "Delete all that is stored", path: path + "/clear", in: api.StorageRequest{Kind: kind},
			flags: func(f *pflag.FlagSet, in *api.StorageRequest) { onTab(f, &in.TabRequest) },
			show:  didOnTab("nothing is stored any longer", func(api.StorageRequest) []any { return nil }),
		}.command(a, o),
	)
}

// browserSettings are the settings with plain arguments.
func browserSettings(a *app, o *browserOptions) []*cobra.Command {
	return []*cobra.Command{
		actVerb{kind: "resize", use: "viewport WIDTH HEIGHT", short: "Change the size of the page's view", args: []string{"WIDTH", "HEIGHT"}, fill: size,
			did: func(in api.ActRequest) string {
				return fmt.Sprintf("the view has %d × %d pixels", in.Width, in.Height)
			}}.command(a, o),
		browserVerb[api.OfflineRequest, api.OnTab]{
			use: "offline on|off", short: "Cut the page off the network, or connect it again", args: []string{"on|off"}, path: "/set/offline",
			flags: func(f *pflag.FlagSet, in *api.OfflineRequest) { onTab(f, &in.TabRequest) },
			fill: func(in *api.OfflineRequest, args []string) error {
				off := args[0] == "on"
				if !off && args[0] != "off" {
					return fmt.Errorf("offline is on or off, not %q", args[0])
				}
				in.Offline = &off
				return nil
			},
			show: func(c *browserClient, in api.OfflineRequest, out api.OnTab) {
				if *in.Offline {
					c.said(out.TargetID, "the page is offline")
					return
				}
				c.said(out.TargetID, "the page is online")
			},
		}.command(a, o),
		browserVerb[api.MediaRequest, api.OnTab]{
			use: "media SCHEME", short: "Choose the colour scheme: dark, light, no-preference or none", args: []string{"SCHEME"}, path: "/set/media",
			flags: func(f *pflag.FlagSet, in *api.MediaRequest) { onTab(f, &in.TabRequest) },
			fill:  func(in *api.MediaRequest, args []string) error { in.ColorScheme = args[0]; return nil },
			show:  didOnTab("the colour scheme is %s", func(in api.MediaRequest) []any { return []any{in.ColorScheme} }),
		}.command(a, o),
		browserVerb[api.TimezoneRequest, api.OnTab]{
			use: "timezone ZONE", short: "Choose the time zone, such as Europe/Berlin", args: []string{"ZONE"}, path: "/set/timezone",
			flags: func(f *pflag.FlagSet, in *api.TimezoneRequest) { onTab(f, &in.TabRequest) },
			fill:  func(in *api.TimezoneRequest, args []string) error { in.TimezoneID = args[0]; return nil },
			show:  didOnTab("the time zone is %s", func(in api.TimezoneRequest) []any { return []any{in.TimezoneID} }),
		}.command(a, o),
		browserVerb[api.LocaleRequest, api.OnTab]{
			use: "locale LOCALE", short: "Choose the language, such as de-DE", args: []string{"LOCALE"}, path: "/set/locale",
			flags: func(f *pflag.FlagSet, in *api.LocaleRequest) { onTab(f, &in.TabRequest) },
			fill:  func(in *api.LocaleRequest, args []string) error { in.Locale = args[0]; return nil },
			show:  didOnTab("the locale is %s", func(in api.LocaleRequest) []any { return []any{in.Locale} }),
		}.command(a, o),
		browserVerb[api.DeviceRequest, api.OnTab]{
			use: "device NAME", short: "Look like a device, such as 'iPhone 14'", args: []string{"NAME"}, path: "/set/device",
			flags: func(f *pflag.FlagSet, in *api.DeviceRequest) { onTab(f, &in.TabRequest) },
			fill:  func(in *api.DeviceRequest, args []string) error { in.Name = args[0]; return nil },
			show:  didOnTab("the page sees a %s", func(in api.DeviceRequest) []any { return []any{in.Name} }),
		}.command(a, o),
	}
}

func browserHeaders(a *app, o *browserOptions) *cobra.Command {
	var object string
	return browserVerb[api.HeadersRequest, api.OnTab]{
		use: "headers [NAME=VALUE…]", short: "Add headers to all requests of the page; none ends it", args: []string{"[NAME=VALUE…]"}, path: "/set/headers",
		flags: func(f *pflag.FlagSet, in *api.HeadersRequest) {
			onTab(f, &in.TabRequest)
			f.StringVar(&object, "json", "", "the headers as a `JSON` object")
		},
		fill: func(in *api.HeadersRequest, args []string) error {
			in.Headers = map[string]string{}
			if object != "" {
				if err := json.Unmarshal([]byte(object), &in.Headers); err != nil {
					return fmt.Errorf(`--json must be an object such as {"X-Name": "value"}: %w`, err)
				}
			}
			for _, arg := range args {
				name, value, ok := strings.Cut(arg, "=")
				if !ok {
					return fmt.Errorf("%q is no header: write it like X-Name=value", arg)
				}
				in.Headers[name] = value
			}
			return nil
		},
		show: didOnTab("requests carry %s more", func(in api.HeadersRequest) []any { return []any{count(len(in.Headers), "header")} }),
	}.command(a, o)
}

func browserCredentials(a *app, o *browserOptions) *cobra.Command {
	return browserVerb[api.CredentialsRequest, api.OnTab]{
		use: "credentials [USER] [PASSWORD]", short: "Answer when a server asks for a user and password", args: []string{"[USER]", "[PASSWORD]"}, path: "/set/credentials",
		flags: func(f *pflag.FlagSet, in *api.CredentialsRequest) {
			onTab(f, &in.TabRequest)
			f.BoolVar(&in.Clear, "clear", false, "answer no longer")
			f.StringVar(&in.Origin, "origin", "", "only to this `ORIGIN`")
		},
		fill: func(in *api.CredentialsRequest, args []string) error {
			if len(args) != 2 && !in.Clear {
				return errors.New("credentials needs USER and PASSWORD, or --clear")
			}
			args = append(args, "", "")
			in.Username, in.Password = args[0], args[1]
			return nil
		},
		show: func(c *browserClient, in api.CredentialsRequest, out api.OnTab) {
			if in.Clear {
				c.said(out.TargetID, "servers get no credentials")
				return
			}
			c.said(out.TargetID, "servers that ask get the credentials of %s", in.Username)
		},
	}.command(a, o)
}

func browserGeolocation(a *app, o *browserOptions) *cobra.Command {
	return browserVerb[api.GeolocationRequest, api.OnTab]{
		use: "geo [LATITUDE] [LONGITUDE]", short: "Choose where the page thinks it is", args: []string{"[LATITUDE]", "[LONGITUDE]"}, path: "/set/geolocation",
		flags: func(f *pflag.FlagSet, in *api.GeolocationRequest) {
			onTab(f, &in.TabRequest)
			f.BoolVar(&in.Clear, "clear", false, "choose no longer")
			f.Float64Var(&in.Accuracy, "accuracy", 0, "accuracy in metres")
			f.StringVar(&in.Origin, "origin", "", "`ORIGIN` that may ask; without it the page's")
		},
		fill: func(in *api.GeolocationRequest, args []string) error {
			if in.Clear {
				return nil
			}
			if len(args) != 2 {
				return errors.New("geo needs LATITUDE and LONGITUDE, or --clear")
			}
			latitude, err := decimal("LATITUDE", args[0])
			if err != nil {
				return err
			}
			longitude, err := decimal("LONGITUDE", args[1])
			in.Latitude, in.Longitude = &latitude, &longitude
			return err
		},
		show: func(c *browserClient, in api.GeolocationRequest, out api.OnTab) {
			if in.Clear {
				c.said(out.TargetID, "the page is where it is")
				return
			}
			c.said(out.TargetID, "the page is at %v, %v", *in.Latitude, *in.Longitude)
		},
	}.command(a, o)
}
