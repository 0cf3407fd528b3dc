package config

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// harmless are the values that a fallback may have as it had them, and why.
var harmless = map[string]string{
	"$schema":                    "for editors",
	"gateway.mode":               "a gateway that runs is local",
	"gateway.port":               "who may connect does not follow from it",
	"gateway.remote.*":           "only commands use it, and they read the file",
	"gateway.controlUi.basePath": "the dashboard needs the credential anywhere",
	"gateway.reload.*":           "when a change is taken up, not which",
	"bridge.port":                "as gateway.port",
	"browser.controlUrl":         "which browser control is used; its credential is the newest",
	"browser.cdpUrl":             "which browser is driven, not by whom",
	"browser.executablePath":     "the user's own program",
	"browser.headless":           "a window",
	"browser.attachOnly":         "as cdpUrl",
	"browser.color":              "a colour",
	"browser.defaultProfile":     "as cdpUrl",
	"browser.remoteCdp*":         "a time",
	"browser.idleTimeout":        "a time",
	"browser.maxTabs":            "a number",
	"browser.snapshotDefaults.*": "what a snapshot looks like",
	"browser.profiles.*":         "as cdpUrl",
	"canvasHost.root":            "the user's own folder, shown to those who may see the canvas",
	"canvasHost.port":            "as gateway.port",
	"canvasHost.liveReload":      "when a page is loaded again",
	"bus.port":                   "as gateway.port",
	"bus.link.port":              "as gateway.port",
	"agents.*":                   "names and folders",
	"cron.maxConcurrentRuns":     "a number",
	"hooks.path":                 "they need their credential anywhere",
	"hooks.maxBodyBytes":         "a size",
	"logging.*":                  "secrets are never logged",
	"env":                        "values for ${VAR}, used while the file is read",
}

func TestEveryValueIsSecuredOrHarmless(t *testing.T) {
	used := map[string]bool{}
	for _, l := range leaves(reflect.TypeFor[Config](), leaf{}) {
		named := ""
		for path := range harmless {
			if path == l.path || strings.HasSuffix(path, "*") && strings.HasPrefix(l.path, strings.TrimSuffix(path, "*")) {
				named, used[path] = path, true
			}
		}
		if (l.security == "") != (named != "") {
			t.Errorf("%s has the security tag %q and is called harmless as %q; it needs one of both", l.path, l.security, named)
		}
	}
	for path := range harmless {
		if !used[path] {
			t.Errorf("%s is no value", path)
		}
	}
}

// pick fills a config with few different values, so that two of them often meet.
func pick(v reflect.Value, path string) {
	switch words := map[string][]string{
		"gateway.bind": {"loopback", "tailnet", "auto", "lan"}, "bridge.bind": {"loopback", "tailnet", "auto", "lan"},
		"gateway.auth.mode": {"token", "password"}, "rescue.policy": {"", "observe", "restart", "repair"},
	}[path]; {
	case words != nil:
		v.SetString(words[rand.IntN(len(words))])
	case v.Kind() == reflect.Struct:
		list, _ := fields(v.Type())
		for _, f := range list {
			pick(v.FieldByIndex(f.Index), strings.TrimPrefix(path+"."+f.key, "."))
		}
	case v.Kind() == reflect.Pointer && rand.IntN(3) > 0:
		v.Set(reflect.New(v.Type().Elem()))
		pick(v.Elem(), path)
	case v.Kind() == reflect.Slice && rand.IntN(4) > 0:
		v.Set(reflect.MakeSlice(v.Type(), rand.IntN(4), 4))
		for i := range v.Len() {
			pick(v.Index(i), path+".*")
			if path == "bus.remotes" {
				v.Index(i).FieldByName("Name").SetString(string(rune('a' + i))) // each name is there once
			}
		}
	case v.Kind() == reflect.Map && rand.IntN(2) > 0:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range []string{"main", "other"}[:rand.IntN(3)] {
			item := reflect.New(v.Type().Elem()).Elem()
			if pick(item, path+".*"); path == "rescue.policies" {
				item.SetString([]string{"observe", "restart", "repair"}[rand.IntN(3)])
			}
			v.SetMapIndex(reflect.ValueOf(key), item)
		}
	case v.Kind() == reflect.Bool:
		v.SetBool(rand.IntN(2) > 0)
	case v.Kind() == reflect.Int:
		v.SetInt(rand.Int64N(3))
	case v.Kind() == reflect.String:
		v.SetString([]string{"", "x", "y", "z"}[rand.IntN(4)])
	}
}

// weaker lists where a config lets more happen than another one.
func weaker(c, than Config) (where []string) {
	check := func(path string, weak bool) {
		if weak {
			where = append(where, path)
		}
	}
	wide := map[string]int{"loopback": 0, "tailnet": 1, "auto": 2, "lan": 3}
	check("gateway.bind", wide[c.Gateway.Bind] > wide[than.Gateway.Bind])
	check("bridge.bind", wide[c.Bridge.Bind] > wide[than.Bridge.Bind])
	a, b := c.Gateway.Auth, than.Gateway.Auth
	check("gateway.auth.mode", a.Mode == "password" && b.Mode != "password")
	check("gateway.auth.token", b.Token != "" && a.Token != b.Token)
	check("gateway.auth.password", a.Mode == "password" && b.Password != "" && a.Password != b.Password)
	check("browser.controlToken", than.Browser.ControlToken != "" && c.Browser.ControlToken != than.Browser.ControlToken)
	for path, tls := range map[string][2]TLS{"gateway.tls": {c.Gateway.TLS, than.Gateway.TLS}, "bridge.tls": {c.Bridge.TLS, than.Bridge.TLS}} {
		check(path, tls[1].Enabled && !tls[0].Enabled || tls[1].CAPath != "" && tls[0].CAPath != tls[1].CAPath)
		check(path+" without a certificate", tls[0].Enabled && tls[0].CertPath == "" && !tls[0].AutoGenerate)
	}
	for path, on := range map[string][2]bool{
		"gateway.controlUi.enabled":              {c.Gateway.ControlUI.Enabled, than.Gateway.ControlUI.Enabled},
		"gateway.http.endpoints.chatCompletions": {c.Gateway.HTTP.Endpoints.ChatCompletions.Enabled, than.Gateway.HTTP.Endpoints.ChatCompletions.Enabled},
		"gateway.http.endpoints.responses":       {c.Gateway.HTTP.Endpoints.Responses.Enabled, than.Gateway.HTTP.Endpoints.Responses.Enabled},
		"hooks.enabled":                          {c.Hooks.Enabled, than.Hooks.Enabled},
		"bridge.enabled":                         {c.Bridge.Enabled, than.Bridge.Enabled},
		"browser.enabled":                        {c.Browser.Enabled, than.Browser.Enabled},
		"canvasHost.enabled":                     {c.CanvasHost.Enabled, than.CanvasHost.Enabled},
		"bus.link.enabled":                       {c.Bus.Link.Enabled, than.Bus.Link.Enabled},
		"bus.monitorPort":                        {c.Bus.MonitorPort != 0, than.Bus.MonitorPort != 0},
		"bus.websocketPort":                      {c.Bus.WebsocketPort != 0, than.Bus.WebsocketPort != 0},
		"browser.noSandbox as root":              {deref(c.Browser.NoSandbox, true), deref(than.Browser.NoSandbox, true)},
		"browser.noSandbox":                      {deref(c.Browser.NoSandbox, false), deref(than.Browser.NoSandbox, false)},
	} {
		check(path, on[0] && !on[1])
	}
	check("hooks.token", than.Hooks.Token != "" && c.Hooks.Token != than.Hooks.Token)
	check("hooks.presets", !within(c.Hooks.Presets, than.Hooks.Presets))
	for _, m := range c.Hooks.Mappings {
		check("hooks.mappings", !slices.ContainsFunc(than.Hooks.Mappings, func(o HookMapping) bool { return reflect.DeepEqual(m, o) }))
	}
	check("gateway.tools.deny", !within(than.Gateway.Tools.Deny, c.Gateway.Tools.Deny))
	check("tools.deny", !within(than.Tools.Deny, c.Tools.Deny))
	check("gateway.nodes.denyCommands", !within(than.Gateway.Nodes.DenyCommands, c.Gateway.Nodes.DenyCommands))
	check("gateway.nodes.allowCommands", !within(c.Gateway.Nodes.AllowCommands, than.Gateway.Nodes.AllowCommands))
	check("browser.extensionIds", !within(c.Browser.ExtensionIDs, than.Browser.ExtensionIDs))
	check("browser.allow", !within(c.Browser.Allow, than.Browser.Allow))
	check("gateway.trustedProxies", !within(c.Gateway.TrustedProxies, than.Gateway.TrustedProxies))
	for _, r := range c.Bus.Remotes {
		i := slices.IndexFunc(than.Bus.Remotes, func(o BusRemote) bool { return o.Name == r.Name })
		check("bus.remotes", i < 0 || !reflect.DeepEqual(r.URLs, than.Bus.Remotes[i].URLs) || !within(crossing(r), crossing(than.Bus.Remotes[i])))
	}
	check("rescue.peers", than.Rescue.Peers != nil && (c.Rescue.Peers == nil || !within(c.Rescue.Peers, than.Rescue.Peers)))
	power := map[string]int{"observe": 0, "restart": 1, "repair": 2}
	for _, peer := range []string{"main", "other", "third"} {
		for _, managed := range []bool{true, false} {
			check("rescue.policy for "+peer, power[c.Rescue.PolicyFor(peer, managed)] > power[than.Rescue.PolicyFor(peer, managed)])
		}
	}
	check("rescue.notify", !reflect.DeepEqual(c.Rescue.Notify, than.Rescue.Notify))
	return where
}

func deref(b *bool, unset bool) bool {
	if b == nil {
		return unset
	}
	return *b
}

func within(list, all []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return s != "" && !slices.Contains(all, s) })
}

func crossing(r BusRemote) []string {
	if r.Subjects == nil {
		return []string{"health", "event", "in"}
	}
	return r.Subjects
}

// TestTighten: whatever two configs say, the fallback lets no more happen than the newest, nor than it did, and
// keeps all that is harmless.
func TestTighten(t *testing.T) {
	for range 400 {
		var fallback, newest Config
		pick(reflect.ValueOf(&fallback).Elem(), "")
		pick(reflect.ValueOf(&newest).Elem(), "")
		before := fmt.Sprintf("%+v", fallback)
		got, sentences := Tighten(fallback, &Loaded{partial: &newest})
		if where := weaker(got, newest); where != nil {
			t.Fatalf("weaker than the newest in %v\nfallback %+v\nnewest   %+v\ngot      %+v", where, fallback, newest, got)
		}
		changed := differences(fallback, got)
		if len(sentences) != len(changed) {
			t.Fatalf("%d sentences for %d changes: %v", len(sentences), len(changed), sentences)
		}
		for _, d := range changed {
			if harmless[d.path.String()] != "" {
				t.Fatalf("%s is harmless and changed", d.path)
			}
		}
		if after := fmt.Sprintf("%+v", fallback); after != before {
			t.Fatalf("the fallback itself changed\nfrom %s\nto   %s", before, after)
		}
		// But for what it takes from the newest, it is no weaker than it was.
		old := fallback
		old.Gateway.Auth, old.Browser.ControlToken, old.Rescue.Notify = got.Gateway.Auth, got.Browser.ControlToken, got.Rescue.Notify
		old.Hooks.Token = got.Hooks.Token
		old.Gateway.TLS.CAPath, old.Bridge.TLS.CAPath = "", ""
		if where := weaker(got, old); where != nil {
			t.Fatalf("weaker than the fallback was in %v\nfallback %+v\nnewest   %+v\ngot      %+v", where, fallback, newest, got)
		}
		if again, sentences := Tighten(got, &Loaded{partial: &newest}); !reflect.DeepEqual(again, got) {
			t.Fatalf("a second time it changes: %v", sentences)
		}
	}
}

// A file that is invalid elsewhere counts where it can be read, and only there.
func TestTightenByABrokenFile(t *testing.T) {
	fallback := fromText(t, `{gateway: {bind: "lan", auth: {token: "the-old-token-of-it"}, nodes: {denyCommands: ["a"]}, trustedProxies: ["10.0.0.1"]},
		rescue: {policy: "repair", notify: {command: ["tell", "me"]}}}`).Config
	for _, tt := range []struct {
		newest string
		want   []string // the paths that become stricter
	}{
		{`{gateway: {bind: "lan"`, nil},
		{`{$include: "gone.json"}`, nil},
		{`{gateway: 5, rescue: {policy: "repair", notify: {command: ["tell", "me"]}}}`, nil},
		{`{gateway: {bind: "lamm", auth: {token: 5}, nodes: {denyCommands: ["a"]}, trustedProxies: ["10.0.0.1"]}, rescue: {policy: "repair", notify: {command: ["tell", 5]}}}`, nil},
		{`{gateway: {auth: {token: "${NOT_SET}"}, bind: "lan", trustedProxies: ["10.0.0.1"]}, rescue: {policy: "repair", notify: 5}}`, nil},
		{
			`{bus: 5, gateway: {bind: "tailnet", auth: {token: "the-new-token-of-it"}, nodes: {denyCommands: [5, "b"]}}, rescue: {policy: "observe"}}`,
			[]string{
				"gateway.bind", "gateway.auth.token", "gateway.nodes.denyCommands", "gateway.trustedProxies",
				"rescue.policy", "rescue.notify.command",
			},
		},
		{`{gateway: {auth: {mode: "none", token: "the-new-token-of-it"}, bind: "lan", trustedProxies: ["10.0.0.1"]}, rescue: {policy: "repair", notify: {command: ["tell", "me"]}}}`, []string{"gateway.auth.token"}},
	} {
		newest := fromText(t, tt.newest)
		if len(newest.Issues) == 0 {
			t.Errorf("%s is not broken", tt.newest)
		}
		got, sentences := Tighten(fallback, newest)
		var paths []string
		for _, d := range differences(fallback, got) {
			paths = append(paths, d.path.String())
		}
		if !slices.Equal(paths, tt.want) {
			t.Errorf("%s\ngot  %v\nwant %v\n%v", tt.newest, paths, tt.want, sentences)
		}
	}
	if got, sentences := Tighten(fallback, nil); sentences != nil || !reflect.DeepEqual(got, fallback) {
		t.Errorf("without a newest: %v", sentences)
	}
	got, _ := Tighten(fallback, fromText(t, `{bus: 5, gateway: {nodes: {denyCommands: [5, "b"]}}}`))
	if deny := got.Gateway.Nodes.DenyCommands; !slices.Equal(deny, []string{"a", "b"}) {
		t.Errorf("denied: %v", deny)
	}
}

// Nothing is taken over that could keep a gateway from starting.
func TestTightenTakesNoAddressOver(t *testing.T) {
	fallback := fromText(t, `{gateway: {bind: "lan", auth: {token: "the-old-token-of-it"}, tls: {enabled: true, certPath: "/old.crt", keyPath: "/old.key"}},
		bus: {remotes: [{name: "hq", urls: ["nats://hq"], credentials: "/old.creds"}]}}`).Config
	newest := fromText(t, `{gateway: {bind: "tailnet", auth: {mode: "password", password: "p", token: "the-new-token-of-it"}, tls: {enabled: true, certPath: "/new.crt", keyPath: "/new.key"}},
		bridge: {tls: {enabled: true, certPath: "/new.crt", keyPath: "/new.key"}}, bus: {remotes: [{name: "hq", urls: ["nats://hq"], credentials: "/new.creds"}]}}`)
	got, _ := Tighten(fallback, newest)
	want := fallback
	want.Gateway.Bind = "loopback"
	want.Gateway.Auth = Auth{Mode: "token", Token: "the-new-token-of-it", Password: "p"}
	want.Bridge.TLS = TLS{Enabled: true, AutoGenerate: true}
	want.Bus.Remotes = []BusRemote{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The lesser of two policies is the most that neither forbids.
func TestLesserPolicy(t *testing.T) {
	for pair, want := range map[[2]string]string{
		{"", ""}: "", {"", "repair"}: "", {"", "restart"}: "observe", {"", "observe"}: "observe",
		{"repair", "repair"}: "repair", {"repair", "restart"}: "restart", {"restart", "observe"}: "observe",
	} {
		for _, p := range [][2]string{pair, {pair[1], pair[0]}} {
			if got := lesserPolicy(p[0], p[1]); got != want {
				t.Errorf("%q and %q: %q, want %q", p[0], p[1], got, want)
			}
		}
	}
	r := lesserRescue(Rescue{Policy: "repair"}, Rescue{Policies: map[string]string{"main": "restart"}})
	if want := (Rescue{Policies: map[string]string{"main": "restart"}}); !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v", r)
	}
	if keys := slices.Sorted(maps.Keys(r.Policies)); !slices.Equal(keys, []string{"main"}) {
		t.Errorf("got %v", keys)
	}
}
