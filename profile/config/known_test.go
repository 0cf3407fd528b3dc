package config

import "testing"

func TestNear(t *testing.T) {
	for path, want := range map[string]string{
		"gateway.prot":                   "gateway.port",
		"gatway.auth.tokn":               "gateway.auth.token",
		"browser.profiles.work.colour":   "browser.profiles.work.color",
		"agents.list[0].defualt":         "agents.list[0].default",
		"gateway.port":                   "",
		"gateway.port.x":                 "",
		"gateway.nothingofthekind":       "",
		"gateway..port":                  "",
		`browser.profiles["a-b"].clor`:   `browser.profiles.a-b.color`,
		"gateway.reload.debonceMs.deper": "",
	} {
		if got := Near(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
