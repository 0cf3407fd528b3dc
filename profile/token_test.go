package profile

import (
	"errors"
	"os"
	"testing"

	"clawdbot/profile/config"
)

func TestCredential(t *testing.T) {
	var plain, token, password config.Config
	token.Gateway.Auth.Token = "short"
	password.Gateway.Auth.Mode, password.Gateway.Auth.Password = "password", "of the config"
	var none config.Config
	none.Gateway.Auth.Mode = "password"

	vars := map[string]string{}
	p := resolve(t, Flags{}, testEnv(t, vars))
	get := func(cfg config.Config) Credential {
		t.Helper()
		c, err := p.Credential(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := p.ClientToken(); err != nil || kept != c.Token {
			t.Errorf("commands on this host present %q (%v), the gateway asks for %q", kept, err, c.Token)
		}
		return c
	}
	if kept, err := p.ClientToken(); err != nil || kept != "" {
		t.Errorf("before anything ran: %q, %v", kept, err)
	}
	made := get(plain)
	if len(made.Token) != 64 || made.Password != "" {
		t.Errorf("made: %+v", made)
	}
	if again := get(plain); again != made {
		t.Error("a second start made another token")
	}
	if c := get(token); c.Token != "short" {
		t.Errorf("config: %+v", c)
	}
	if c := get(plain); c.Token != "short" { // the config that named it does not load any more
		t.Errorf("the token of the gateway that ran last is lost: %+v", c)
	}
	if info, err := os.Stat(p.TokenFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if c := get(password); c.Password != "of the config" || c.Token == "" {
		t.Errorf("password: %+v", c)
	}
	if _, err := p.Credential(none); !errors.Is(err, ErrNoPassword) {
		t.Errorf("no password: got %v", err)
	}
	vars["CLAWDBOT_GATEWAY_TOKEN"], vars["CLAWDBOT_GATEWAY_PASSWORD"] = "of the environment", "this too"
	if c := get(password); c.Token != "of the environment" || c.Password != "this too" {
		t.Errorf("environment: %+v", c)
	}
}

// TestClientTokenOfAnotherProfile: a token that the environment holds for one
// gateway is not shown to another one that --profile names.
func TestClientTokenOfAnotherProfile(t *testing.T) {
	p := resolve(t, Flags{Profile: "rescue"}, testEnv(t, map[string]string{"CLAWDBOT_GATEWAY_TOKEN": "of main"}))
	if err := WriteFile(p.TokenFile(), []byte("of rescue\n")); err != nil {
		t.Fatal(err)
	}
	if got, err := p.ClientToken(); err != nil || got != "of rescue" {
		t.Errorf("got %q, %v", got, err)
	}
}
