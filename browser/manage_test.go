package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/bus/msg"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
)

func (s *site) profilesByName(t *testing.T) map[string]api.ProfileInfo {
	t.Helper()
	var all api.Profiles
	s.ok(t, "GET", "/profiles", "", &all)
	found := map[string]api.ProfileInfo{}
	for _, p := range all.Profiles {
		found[p.Name] = p
	}
	return found
}

// TestManage creates, uses, resets and deletes browser profiles.
func TestManage(t *testing.T) {
	needChromium(t)
	var kept Config
	s := serve(t, func(c *Config) {
		c.Settings.Profiles = map[string]config.BrowserProfile{"fixed": {CDPPort: c.Ports.CDP.From}}
		kept = *c
	})
	var work, far api.CreatedProfile
	s.ok(t, "POST", "/profiles/create", `{"name":"work"}`, &work)
	if work.CDPPort <= s.cfg.Ports.CDP.From || work.CDPPort > s.cfg.Ports.CDP.To || work.CDPURL != "http://"+loopback(work.CDPPort) || work.Color != "#0066CC" || work.IsRemote {
		t.Errorf("created %+v", work)
	}
	s.ok(t, "POST", "/profiles/create", `{"name":"far","cdpUrl":"wss://u:pass-word@far.example/x?token=secret-word","color":"#123456"}`, &far)
	want := api.CreatedProfile{Answered: api.Answered{GatewayProfile: "main"}, OK: true, Profile: "far", CDPPort: 443, CDPURL: "wss://far.example", Color: "#123456", IsRemote: true}
	if far != want {
		t.Errorf("created %+v, want %+v", far, want)
	}
	s.ok(t, "POST", "/start?profile=work", "", nil)
	s.awaits(t, msg.StateOK, "work at "+loopback(work.CDPPort))
	data := filepath.Join(s.cfg.Dir, "work", "user-data")
	for _, folder := range []string{"media", "downloads"} {
		s.refused(t, "POST", "/profiles/create", fmt.Sprintf(`{"name":%q}`, folder), 400, folder, "is taken")
	}
	var reset api.ResetProfile
	s.ok(t, "POST", "/reset-profile", `{"profile":"work"}`, &reset)
	if _, err := os.Stat(filepath.Join(reset.To, "Default")); !reset.Moved || reset.From != data || err != nil {
		t.Errorf("reset: %+v, %v", reset, err)
	}
	if s.profilesByName(t)["work"].Running {
		t.Error("it runs after the reset")
	}
	var second api.ResetProfile
	if s.ok(t, "POST", "/reset-profile", `{"profile":"work"}`, &second); second.Moved || second.To != "" {
		t.Errorf("a second reset: %+v", second)
	}
	s.refused(t, "POST", "/reset-profile?profile=far", "", 500, `"far"`, "not ours")

	next := &Server{cfg: kept, created: createdProfiles(kept.Store)}
	if err := next.loadProfiles(); err != nil {
		t.Fatal(err)
	}
	if b, err := next.browsers.named("work"); err != nil || b.port != work.CDPPort || b.color != work.Color || b.source != created {
		t.Errorf("after a restart: %+v, %v", b, err)
	}

	s.ok(t, "POST", "/tabs/open?profile=work", `{"url":"about:blank"}`, nil)
	var gone api.DeletedProfile
	s.ok(t, "DELETE", "/profiles/work", "", &gone)
	if _, err := os.Stat(filepath.Dir(data)); !gone.Deleted || !os.IsNotExist(err) || !strings.HasPrefix(gone.To, filepath.Join(s.cfg.Dir, ".trash")) {
		t.Errorf("deleted: %+v, %v", gone, err)
	}
	s.refused(t, "POST", "/start?profile=work", "", 404, `no browser profile "work"; there is `, "clawd", "far", "fixed")
	if s.ok(t, "DELETE", "/profiles/far", "", &gone); gone.Deleted {
		t.Errorf("deleted: %+v", gone)
	}
	s.refused(t, "DELETE", "/profiles/far", "", 404, "no browser profile")
	for e, err := range s.created.All() {
		t.Errorf("still in the store: %+v, %v", e, err)
	}
}

func TestManageRefuses(t *testing.T) {
	s := serve(t, func(c *Config) {
		c.Ports.CDP = ports.Range{From: c.Ports.CDP.From, To: c.Ports.CDP.From + 1}
		c.Settings.DefaultProfile = "mine"
		c.Settings.Profiles = map[string]config.BrowserProfile{"mine": {CDPPort: c.Ports.CDP.From}, "other": {}}
	})
	for body, want := range map[string]string{
		`{}`:             "name must be a name of a-z",
		`{"name":"A B"}`: "name must be a name of a-z",
		`{"name":"x","cdpUrl":"ftp://pass-word@h"}`: "cdpUrl must be an http://",
		`{"name":"x","color":"red"}`:                "color must be a colour such as #FF4500",
		`{"name":"x","driver":"firefox"}`:           "driver must be one of clawd, extension",
	} {
		s.refused(t, "POST", "/profiles/create", body, 400, want)
	}
	s.refused(t, "POST", "/profiles/create", `{"name":"clawd"}`, 409, `"clawd" exists already (built in)`)
	s.refused(t, "POST", "/profiles/create", `{"name":"other"}`, 409, `"other" exists already (config)`)
	s.ok(t, "POST", "/profiles/create", `{"name":"last"}`, nil)
	s.refused(t, "POST", "/profiles/create", `{"name":"last"}`, 409, `"last" exists already (store)`)
	s.refused(t, "POST", "/profiles/create", `{"name":"more"}`, 507, "no CDP port from", "delete a browser profile")
	s.refused(t, "DELETE", "/profiles/mine", "", 400, "is the default", "browser.defaultProfile")
	s.refused(t, "DELETE", "/profiles/other", "", 409, "clawdbot config unset browser.profiles.other")
	s.refused(t, "DELETE", "/profiles/clawd", "", 409, "always there")
	s.refused(t, "DELETE", "/profiles/nosuch", "", 404, `no browser profile "nosuch"; there is clawd`)
}

// TestDeleteSparesOthers leaves user data alone that a Chromium of somebody
// else uses.
func TestDeleteSparesOthers(t *testing.T) {
	s := serve(t, nil)
	s.ok(t, "POST", "/profiles/create", `{"name":"work"}`, nil)
	folder := filepath.Join(s.cfg.Dir, "work", "user-data")
	host, err := os.Hostname()
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	if err == nil {
		err = os.Symlink(fmt.Sprintf("%s-%d", host, os.Getpid()), filepath.Join(folder, "SingletonLock"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"POST /reset-profile?profile=work", "DELETE /profiles/work"} {
		method, path, _ := strings.Cut(call, " ")
		s.refused(t, method, path, "", 500, "in use by process", "SingletonLock")
	}
	if _, err := os.Stat(folder); err != nil {
		t.Error(err)
	}
	if _, ok := s.profilesByName(t)["work"]; !ok {
		t.Error("it is gone")
	}
}

func TestColors(t *testing.T) {
	var r roster
	for range len(palette()) {
		r.add(&browser{name: fmt.Sprint(len(r.list)), color: strings.ToLower(r.freeColor())})
	}
	seen := map[string]bool{}
	for _, b := range r.all() {
		seen[b.color] = true
	}
	if len(seen) != len(palette()) || r.freeColor() != palette()[0] {
		t.Errorf("%v, then %s", seen, r.freeColor())
	}
}
