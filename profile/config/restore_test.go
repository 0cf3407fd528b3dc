package config

import (
	"strings"
	"testing"
)

const secretText = `{
  // token: "old-one"
  gateway: {auth: {token: "s3cret-token"}, port: 18789}, // the base
  list: [{password: "first"}, {password: 'second'}],
  url: "https://user:pass@example.com/?token=abc",
}
`

func TestRestorePutsBackWhatRedactHid(t *testing.T) {
	shown, ok := RedactText([]byte(secretText))
	if !ok || strings.Contains(string(shown), "s3cret") || strings.Contains(string(shown), "old-one") {
		t.Fatalf("shows %s", shown)
	}
	back, err := RestoreText(shown, []byte(secretText))
	if err != nil || string(back) != secretText {
		t.Errorf("got %v\n%s", err, back)
	}
	changed := strings.Replace(string(shown), "18789", "19001", 1)
	back, err = RestoreText([]byte(changed), []byte(secretText))
	if want := strings.Replace(secretText, "18789", "19001", 1); err != nil || string(back) != want {
		t.Errorf("got %v\n%s", err, back)
	}
}

func TestRestoreRefusesASecretThatIsNotThere(t *testing.T) {
	for name, c := range map[string]struct{ text, from, says string }{
		"another place": {`{bridge: {token: "__REDACTED__"}}`, secretText, "bridge.token: __REDACTED__ stands for a secret that the file does not hold there"},
		"no file":       {`{gateway: {auth: {token: "__REDACTED__"}}}`, "", "gateway.auth.token"},
		"a broken file": {`{gateway: {auth: {token: "__REDACTED__"}}}`, "{", "cannot be read"},
		"a longer list": {`{list: [{}, {}, {password: "__REDACTED__"}]}`, secretText, "list[2].password"},
		"half of it":    {`{gateway: {auth: {token: "x__REDACTED__"}}}`, secretText, "gateway.auth.token"},
	} {
		if got, err := RestoreText([]byte(c.text), []byte(c.from)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for _, plain := range []string{`{a: 1}`, `{a: "__REDACTED__`} {
		if got, err := RestoreText([]byte(plain), nil); err != nil || string(got) != plain {
			t.Errorf("%s: %s, %v", plain, got, err)
		}
	}
}
