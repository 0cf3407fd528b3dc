package frame

import (
	"fmt"
	"strings"

	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
)

// EventChallenge is the first frame of a connection.
const EventChallenge = "connect.challenge"

// Roles of a client.
const (
	RoleOperator = "operator"
	RoleNode     = "node"
)

// Challenge is the payload of EventChallenge.
type Challenge struct {
	Nonce string `json:"nonce"`
	TS    int64  `json:"ts"` // Unix milliseconds
}

// Connect is the params of MethodConnect. An empty Role is operator.
type Connect struct {
	MinProtocol int             `json:"minProtocol" min:"1"`
	MaxProtocol int             `json:"maxProtocol" min:"1"`
	Client      Client          `json:"client"`
	Caps        []string        `json:"caps,omitempty"`
	Commands    []string        `json:"commands,omitempty"`
	Permissions map[string]bool `json:"permissions,omitempty"`
	PathEnv     string          `json:"pathEnv,omitempty"`
	Role        string          `json:"role,omitempty" enum:"operator|node"`
	Scopes      []string        `json:"scopes,omitempty" max:"32"`
	Device      *Device         `json:"device,omitempty"`
	Auth        Auth            `json:"auth,omitzero"`
	Locale      string          `json:"locale,omitempty"`
	UserAgent   string          `json:"userAgent,omitempty"`
}

// Client is the program that connects. IDs and modes are the original's. Its texts
// are bounded, for every other client is shown them in presence.
type Client struct {
	ID              string `json:"id" enum:"webchat-ui|clawdbot-control-ui|webchat|cli|gateway-client|clawdbot-macos|clawdbot-ios|clawdbot-android|node-host|test|fingerprint|clawdbot-probe"`
	DisplayName     string `json:"displayName,omitempty" max:"256"`
	Version         string `json:"version" max:"128"`
	Platform        string `json:"platform" max:"128"`
	DeviceFamily    string `json:"deviceFamily,omitempty" max:"128"`
	ModelIdentifier string `json:"modelIdentifier,omitempty" max:"128"`
	Mode            string `json:"mode" enum:"webchat|cli|ui|backend|node|probe|test"`
	InstanceID      string `json:"instanceId,omitempty" max:"128"`
}

// Auth is the shared credential.
type Auth struct {
	Token    string `json:"token,omitempty"`
	Password string `json:"password,omitempty"`
}

// Device proves that the client holds a device's key. Nonce is the
// challenge's; without it the signature is of version 1.
type Device struct {
	ID        string `json:"id"`               // SHA-256 of the raw public key, in hex
	PublicKey string `json:"publicKey"`        // raw Ed25519 key, base64url
	Signature string `json:"signature"`        // base64url
	SignedAt  int64  `json:"signedAt" min:"1"` // Unix milliseconds
	Nonce     string `json:"nonce,omitempty"`
}

// maxScope is the longest name of a scope, in bytes.
const maxScope = 128

// DecodeConnect reads and checks the params of a connect request. It returns
// a *rpc.PathError naming the first thing that is wrong.
func DecodeConnect(params []byte) (Connect, error) {
	if len(params) == 0 {
		return Connect{}, &rpc.PathError{Path: "/params", Rule: "is required"}
	}
	var c Connect
	if err := rpc.Decode(params, &c); err != nil {
		return Connect{}, err
	}
	for i, scope := range c.Scopes {
		if len(scope) > maxScope {
			return Connect{}, &rpc.PathError{Path: fmt.Sprintf("/scopes/%d", i), Rule: fmt.Sprintf("must have at most %d bytes", maxScope)}
		}
	}
	if c.Role == "" {
		c.Role = RoleOperator
	}
	return c, nil
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

	Auth *DeviceAuth `json:"auth,omitempty"` // only to a paired device that did not present the shared credential
}

// DeviceAuth is a device's token for a role. It is worth nothing without the
// device's key.
type DeviceAuth struct {
	DeviceToken string   `json:"deviceToken"`
	Role        string   `json:"role"`
	Scopes      []string `json:"scopes"`
	IssuedAtMs  int64    `json:"issuedAtMs"`
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
	Presence        []msg.Presence  `json:"presence"`
	Health          msg.Health      `json:"health"`
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
