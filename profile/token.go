package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"clawdbot/profile/config"
)

// ErrNoPassword says that the config asks for a password and nobody gave one.
var ErrNoPassword = errors.New("gateway.auth.mode is password, but neither gateway.auth.password nor CLAWDBOT_GATEWAY_PASSWORD is set")

// Credential is what a gateway asks of its clients. Token is never empty.
type Credential struct {
	Token    string
	Password string // "" unless the config's mode is password
}

// Credential returns what the gateway of this profile asks for: the token of
// the environment, of the config or, when neither has one, the one in TokenFile,
// which is made when there is none. Whichever it is, TokenFile holds it afterwards, so
// that commands on this host find the token of the gateway that runs.
func (p Profile) Credential(cfg config.Config) (Credential, error) {
	c := Credential{Token: p.env.Get("CLAWDBOT_GATEWAY_TOKEN")}
	if c.Token == "" {
		c.Token = cfg.Gateway.Auth.Token
	}
	if cfg.Gateway.Auth.Mode == "password" {
		if c.Password = p.env.Get("CLAWDBOT_GATEWAY_PASSWORD"); c.Password == "" {
			c.Password = cfg.Gateway.Auth.Password
		}
		if c.Password == "" {
			return Credential{}, ErrNoPassword
		}
	}
	kept, err := p.readToken()
	switch {
	case c.Token == "" && kept != "": // of any length: it is what the user chose, and the config may be lost
		c.Token = kept
		return c, nil
	case c.Token == "":
		c.Token, err = Secret(p.TokenFile())
		return c, err
	case err == nil && kept == c.Token:
		return c, nil
	}
	return c, WriteFile(p.TokenFile(), []byte(c.Token+"\n"))
}

// ClientToken returns the token that commands on this host present: that of
// the environment, unless --profile was given, or of the gateway that ran
// last. It is "" when there is none yet.
func (p Profile) ClientToken() (string, error) {
	if p.TokenFromEnvironment() {
		return p.env.Get("CLAWDBOT_GATEWAY_TOKEN"), nil
	}
	return p.readToken()
}

// TokenFromEnvironment says whether ClientToken is CLAWDBOT_GATEWAY_TOKEN.
func (p Profile) TokenFromEnvironment() bool {
	return p.env.Get("CLAWDBOT_GATEWAY_TOKEN") != "" && p.Settings[0].From != "flag"
}

func (p Profile) readToken() (string, error) {
	body, err := config.ReadFile(p.TokenFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("gateway token: %w", err)
	}
	return strings.TrimSpace(string(body)), nil
}
