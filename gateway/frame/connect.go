package frame

import (
	"fmt"
	"strings"
)

// EventChallenge is the first frame of a connection.
const EventChallenge = "connect.challenge"

// Roles of a client.
const (
	RoleOperator = "operator"
	RoleNode     = "node"
)

// Scopes of an operator. Admin holds all others.
const (
	ScopeAdmin     = "operator.admin"
	ScopeRead      = "operator.read"
	ScopeWrite     = "operator.write"
	ScopePairing   = "operator.pairing"
	ScopeApprovals = "operator.approvals"
)

// Challenge is the payload of EventChallenge.
type Challenge struct {
	Nonce string `json:"nonce"`
	TS    int64  `json:"ts"` // Unix milliseconds
}

// Connect is the params of MethodConnect. An empty Role is operator.
type Connect struct {
	MinProtocol int             `json:"minProtocol"`
	MaxProtocol int             `json:"maxProtocol"`
	Client      Client          `json:"client"`
	Caps        []string        `json:"caps,omitempty"`
	Commands    []string        `json:"commands,omitempty"`
	Permissions map[string]bool `json:"permissions,omitempty"`
	PathEnv     string          `json:"pathEnv,omitempty"`
	Role        string          `json:"role,omitempty"`
	Scopes      []string        `json:"scopes,omitempty"`
	Device      *Device         `json:"device,omitempty"`
	Auth        Auth            `json:"auth,omitzero"`
	Locale      string          `json:"locale,omitempty"`
	UserAgent   string          `json:"userAgent,omitempty"`
}

// Client is the program that connects.
type Client struct {
	ID              string `json:"id"`
	DisplayName     string `json:"displayName,omitempty"`
	Version         string `json:"version"`
	Platform        string `json:"platform"`
	DeviceFamily    string `json:"deviceFamily,omitempty"`
	ModelIdentifier string `json:"modelIdentifier,omitempty"`
	Mode            string `json:"mode"`
	InstanceID      string `json:"instanceId,omitempty"`
}

// Auth is the shared credential.
type Auth struct {
	Token    string `json:"token,omitempty"`
	Password string `json:"password,omitempty"`
}

// Device proves that the client holds a device's key. Nonce is the
// challenge's; without it the signature is of version 1.
type Device struct {
	ID        string `json:"id"`        // SHA-256 of the raw public key, in hex
	PublicKey string `json:"publicKey"` // raw Ed25519 key, base64url
	Signature string `json:"signature"` // base64url
	SignedAt  int64  `json:"signedAt"`  // Unix milliseconds
	Nonce     string `json:"nonce,omitempty"`
}

// clientIDs and clientModes are the original's, in its order.
func clientIDs() []string {
	return []string{
		"webchat-ui", "clawdbot-control-ui", "webchat", "cli", "gateway-client", "clawdbot-macos",
		"clawdbot-ios", "clawdbot-android", "node-host", "test", "fingerprint", "clawdbot-probe",
	}
}

func clientModes() []string {
	return []string{"webchat", "cli", "ui", "backend", "node", "probe", "test"}
}

// DecodeConnect reads and checks the params of a connect request. It returns
// an *InvalidError naming the first thing that is wrong.
func DecodeConnect(params []byte) (Connect, error) {
	if len(params) == 0 {
		return Connect{}, &InvalidError{"/params", "is required"}
	}
	var c Connect
	if err := decode(params, &c); err != nil {
		return Connect{}, err
	}
	if err := c.validate(); err != nil {
		return Connect{}, err
	}
	if c.Role == "" {
		c.Role = RoleOperator
	}
	return c, nil
}

func (c *Connect) validate() error {
	required := []struct{ path, value string }{
		{"/client/id", c.Client.ID}, {"/client/version", c.Client.Version},
		{"/client/platform", c.Client.Platform}, {"/client/mode", c.Client.Mode},
	}
	if d := c.Device; d != nil {
		required = append(required, []struct{ path, value string }{
			{"/device/id", d.ID}, {"/device/publicKey", d.PublicKey}, {"/device/signature", d.Signature},
		}...)
	}
	for _, r := range required {
		if r.value == "" {
			return &InvalidError{r.path, "is required"}
		}
	}
	switch {
	case c.MinProtocol < 1:
		return &InvalidError{"/minProtocol", "must be a whole number from 1"}
	case c.MaxProtocol < 1:
		return &InvalidError{"/maxProtocol", "must be a whole number from 1"}
	case c.Device != nil && c.Device.SignedAt <= 0:
		return &InvalidError{"/device/signedAt", "must be a time in Unix milliseconds"}
	}
	if err := oneOf("/client/id", c.Client.ID, clientIDs()); err != nil {
		return err
	}
	if err := oneOf("/client/mode", c.Client.Mode, clientModes()); err != nil {
		return err
	}
	if c.Role != "" {
		return oneOf("/role", c.Role, []string{RoleOperator, RoleNode})
	}
	return nil
}

// SigningText is what a device signs: version 2 with the challenge's nonce,
// version 1 without one. The token is the shared one when it was presented.
func (c *Connect) SigningText() string {
	d := c.Device
	fields := []string{
		"v1", d.ID, c.Client.ID, c.Client.Mode, c.Role, strings.Join(c.Scopes, ","),
		fmt.Sprint(d.SignedAt), c.Auth.Token,
	}
	if d.Nonce != "" {
		fields[0] = "v2"
		fields = append(fields, d.Nonce)
	}
	return strings.Join(fields, "|")
}

// HelloOK is the payload that answers connect.
type HelloOK struct {
	Type          string   `json:"type"` // hello-ok
	Protocol      int      `json:"protocol"`
	Server        Server   `json:"server"`
	Features      Features `json:"features"`
	Snapshot      Snapshot `json:"snapshot"`
	CanvasHostURL string   `json:"canvasHostUrl,omitempty"`
	Policy        Policy   `json:"policy"`
}

// TypeHelloOK is HelloOK's type.
const TypeHelloOK = "hello-ok"

// Server is the gateway that answers. Profile is ours: a client that expected
// another one must not believe the rest.
type Server struct {
	Version string `json:"version"`
	Host    string `json:"host"`
	ConnID  string `json:"connId"`
	Profile string `json:"profile"`
}

// Features are the methods that somebody serves and the events that may come.
type Features struct {
	Methods []string `json:"methods"`
	Events  []string `json:"events"`
}

// Policy are the limits of the connection.
type Policy struct {
	MaxPayload       int   `json:"maxPayload"`       // bytes of one inbound message
	MaxBufferedBytes int   `json:"maxBufferedBytes"` // outbound bytes that may wait for a slow client
	TickIntervalMs   int64 `json:"tickIntervalMs"`
}

// Snapshot is the state at the moment of the connection.
type Snapshot struct {
	Presence        []Presence      `json:"presence"`
	Health          Health          `json:"health"`
	StateVersion    StateVersion    `json:"stateVersion"`
	UptimeMs        int64           `json:"uptimeMs"`
	Profile         string          `json:"profile"`
	ConfigPath      string          `json:"configPath"`
	StateDir        string          `json:"stateDir"`
	SessionDefaults SessionDefaults `json:"sessionDefaults"`
}

// SessionDefaults name the session that a client talks in by default.
type SessionDefaults struct {
	DefaultAgentID string `json:"defaultAgentId"`
	MainKey        string `json:"mainKey"`
	MainSessionKey string `json:"mainSessionKey"`
	Scope          string `json:"scope"`
}
