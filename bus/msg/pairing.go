package msg

import "encoding/json"

// DeviceRequest is event.device.pair.requested: a device that waits for an
// operator, and a row of rpc.device.pair.list.
type DeviceRequest struct {
	RequestID   string   `json:"requestId"`
	DeviceID    string   `json:"deviceId"`
	PublicKey   string   `json:"publicKey"` // raw Ed25519 key, base64url
	DisplayName string   `json:"displayName,omitempty"`
	Platform    string   `json:"platform,omitempty"`
	ClientID    string   `json:"clientId,omitempty"`
	ClientMode  string   `json:"clientMode,omitempty"`
	Role        string   `json:"role"`
	Scopes      []string `json:"scopes"`
	RemoteIP    string   `json:"remoteIp,omitempty"`
	IsRepair    bool     `json:"isRepair,omitempty"` // it is paired, and asks for more than it has
	TS          int64    `json:"ts"`
}

// Device is a paired device, as operators see it.
type Device struct {
	DeviceID     string        `json:"deviceId"`
	PublicKey    string        `json:"publicKey"`
	DisplayName  string        `json:"displayName,omitempty"`
	Platform     string        `json:"platform,omitempty"`
	ClientID     string        `json:"clientId,omitempty"`
	ClientMode   string        `json:"clientMode,omitempty"`
	Role         string        `json:"role"` // the one that was approved last
	Roles        []string      `json:"roles"`
	Scopes       []string      `json:"scopes"`
	RemoteIP     string        `json:"remoteIp,omitempty"` // where it asked from
	CreatedAtMs  int64         `json:"createdAtMs"`
	ApprovedAtMs int64         `json:"approvedAtMs"`
	Tokens       []DeviceToken `json:"tokens"`
}

// DeviceToken tells of a device's token, not the token itself.
type DeviceToken struct {
	Role         string   `json:"role"`
	Scopes       []string `json:"scopes"`
	CreatedAtMs  int64    `json:"createdAtMs"`
	RotatedAtMs  int64    `json:"rotatedAtMs,omitempty"`
	LastUsedAtMs int64    `json:"lastUsedAtMs,omitempty"` // to the minute
	RevokedAtMs  int64    `json:"revokedAtMs,omitempty"`
}

// DevicePairings is the answer of rpc.device.pair.list, the newest first.
type DevicePairings struct {
	Pending []DeviceRequest `json:"pending"`
	Paired  []Device        `json:"paired"`
}

// PairDecision is asked of rpc.device.pair.approve and reject, and of
// rpc.node.pair.approve and reject.
type PairDecision struct {
	RequestID string `json:"requestId" max:"128" doc:"The request, as the list has it."`
}

// DeviceApproved is the answer of rpc.device.pair.approve.
type DeviceApproved struct {
	RequestID string `json:"requestId"`
	Device    Device `json:"device"`
}

// DeviceRejected is the answer of rpc.device.pair.reject.
type DeviceRejected struct {
	RequestID string `json:"requestId"`
	DeviceID  string `json:"deviceId"`
}

// DeviceResolved is event.device.pair.resolved.
type DeviceResolved struct {
	RequestID string `json:"requestId"`
	DeviceID  string `json:"deviceId"`
	Decision  string `json:"decision"` // approved, rejected
	TS        int64  `json:"ts"`
}

// DeviceKey is asked of rpc.device.pair.remove, and is its answer.
type DeviceKey struct {
	DeviceID string `json:"deviceId" max:"128" doc:"The device, as the list has it."`
}

// DeviceTokenRotate is asked of rpc.device.token.rotate.
type DeviceTokenRotate struct {
	DeviceID string   `json:"deviceId" max:"128" doc:"The device, as the list has it."`
	Role     string   `json:"role" enum:"operator|node" doc:"The role whose token is replaced."`
	Scopes   []string `json:"scopes,omitempty" max:"32" doc:"What the new token may do, out of what was approved; unset: what the old one may."`
}

// DeviceTokenRotated is its answer, the only one that has the token.
type DeviceTokenRotated struct {
	DeviceID    string   `json:"deviceId"`
	Role        string   `json:"role"`
	Token       string   `json:"token"`
	Scopes      []string `json:"scopes"`
	RotatedAtMs int64    `json:"rotatedAtMs"`
}

// DeviceTokenRevoke is asked of rpc.device.token.revoke.
type DeviceTokenRevoke struct {
	DeviceID string `json:"deviceId" max:"128" doc:"The device, as the list has it."`
	Role     string `json:"role" enum:"operator|node" doc:"The role that the device loses until it is approved again."`
}

// DeviceTokenRevoked is its answer.
type DeviceTokenRevoked struct {
	DeviceID    string `json:"deviceId"`
	Role        string `json:"role"`
	RevokedAtMs int64  `json:"revokedAtMs"`
}

// NodePairRequest is asked of rpc.node.pair.request.
type NodePairRequest struct {
	NodeID          string          `json:"nodeId" max:"128" doc:"The node's own name for itself."`
	DisplayName     string          `json:"displayName,omitempty" max:"256" doc:"Its name for people."`
	Platform        string          `json:"platform,omitempty" max:"128" doc:"Such as macos, ios, linux."`
	Version         string          `json:"version,omitempty" max:"128" doc:"Of the app."`
	CoreVersion     string          `json:"coreVersion,omitempty" max:"128" doc:"Of its core."`
	UIVersion       string          `json:"uiVersion,omitempty" max:"128" doc:"Of its interface."`
	DeviceFamily    string          `json:"deviceFamily,omitempty" max:"128" doc:"Such as iPhone."`
	ModelIdentifier string          `json:"modelIdentifier,omitempty" max:"128" doc:"Such as iPhone16,2."`
	Caps            []string        `json:"caps,omitempty" max:"256" doc:"What it can do."`
	Commands        []string        `json:"commands,omitempty" max:"256" doc:"The commands that it runs."`
	Permissions     map[string]bool `json:"permissions,omitempty" doc:"What its system has granted it."`
	RemoteIP        string          `json:"remoteIp,omitempty" max:"64" doc:"Where it asks from."`
	Silent          bool            `json:"silent,omitempty" doc:"Nobody should be disturbed for it."`
	TokenHash       string          `json:"tokenHash,omitempty" min:"64" max:"64" doc:"SHA-256, in hex, of the token that it will present; unset: approving makes one and tells it."`
}

// NodeRequest is event.node.pair.requested: a node that waits for an operator,
// and a row of rpc.node.pair.list.
type NodeRequest struct {
	RequestID       string          `json:"requestId"`
	NodeID          string          `json:"nodeId"`
	DisplayName     string          `json:"displayName,omitempty"`
	Platform        string          `json:"platform,omitempty"`
	Version         string          `json:"version,omitempty"`
	CoreVersion     string          `json:"coreVersion,omitempty"`
	UIVersion       string          `json:"uiVersion,omitempty"`
	DeviceFamily    string          `json:"deviceFamily,omitempty"`
	ModelIdentifier string          `json:"modelIdentifier,omitempty"`
	Caps            []string        `json:"caps"`
	Commands        []string        `json:"commands"`
	Permissions     map[string]bool `json:"permissions,omitempty"`
	RemoteIP        string          `json:"remoteIp,omitempty"`
	Silent          bool            `json:"silent,omitempty"`
	IsRepair        bool            `json:"isRepair"` // the node is paired: it has lost its token
	TS              int64           `json:"ts"`
}

// NodePairRequested is the answer of rpc.node.pair.request.
type NodePairRequested struct {
	Status  string      `json:"status"` // pending
	Request NodeRequest `json:"request"`
	Created bool        `json:"created"` // false for one that waits already
}

// PairedNode is a node that was approved.
type PairedNode struct {
	NodeID            string          `json:"nodeId"`
	Token             string          `json:"token,omitempty"` // only in the answer of rpc.node.pair.approve
	DisplayName       string          `json:"displayName,omitempty"`
	Platform          string          `json:"platform,omitempty"`
	Version           string          `json:"version,omitempty"`
	CoreVersion       string          `json:"coreVersion,omitempty"`
	UIVersion         string          `json:"uiVersion,omitempty"`
	DeviceFamily      string          `json:"deviceFamily,omitempty"`
	ModelIdentifier   string          `json:"modelIdentifier,omitempty"`
	Caps              []string        `json:"caps"`
	Commands          []string        `json:"commands"`
	Permissions       map[string]bool `json:"permissions,omitempty"`
	RemoteIP          string          `json:"remoteIp,omitempty"`
	CreatedAtMs       int64           `json:"createdAtMs"`
	ApprovedAtMs      int64           `json:"approvedAtMs"`
	LastConnectedAtMs int64           `json:"lastConnectedAtMs,omitempty"` // to the minute
}

// NodePairings is the answer of rpc.node.pair.list, the newest first.
type NodePairings struct {
	Pending []NodeRequest `json:"pending"`
	Paired  []PairedNode  `json:"paired"`
}

// NodeApproved is the answer of rpc.node.pair.approve.
type NodeApproved struct {
	RequestID string     `json:"requestId"`
	Node      PairedNode `json:"node"`
}

// NodeRejected is the answer of rpc.node.pair.reject.
type NodeRejected struct {
	RequestID string `json:"requestId"`
	NodeID    string `json:"nodeId"`
}

// NodeResolved is event.node.pair.resolved.
type NodeResolved struct {
	RequestID string `json:"requestId"`
	NodeID    string `json:"nodeId"`
	Decision  string `json:"decision"` // approved, rejected
	TS        int64  `json:"ts"`
}

// NodeVerify is asked of rpc.node.pair.verify, with one of the two.
type NodeVerify struct {
	NodeID    string `json:"nodeId" max:"128" doc:"The node's own name for itself."`
	Token     string `json:"token,omitempty" max:"512" doc:"What the node presents."`
	TokenHash string `json:"tokenHash,omitempty" min:"64" max:"64" doc:"SHA-256, in hex, of what the node presents, instead of it."`
}

// NodeVerified is its answer.
type NodeVerified struct {
	OK   bool        `json:"ok"`
	Node *PairedNode `json:"node,omitempty"` // nil unless OK
}

// NodeKey is asked of rpc.node.describe.
type NodeKey struct {
	NodeID string `json:"nodeId" max:"128" doc:"The node, as the list has it."`
}

// NodeName is asked of rpc.node.rename, and is its answer.
type NodeName struct {
	NodeID      string `json:"nodeId" max:"128" doc:"The node, as the list has it."`
	DisplayName string `json:"displayName" max:"256" doc:"Its new name for people."`
}

// NodeInfo is what a connected node says of itself: the answer to the command
// node.ping, which whoever has its connection gives.
type NodeInfo struct {
	NodeID          string          `json:"nodeId"`
	DisplayName     string          `json:"displayName,omitempty"`
	Platform        string          `json:"platform,omitempty"`
	Version         string          `json:"version,omitempty"`
	CoreVersion     string          `json:"coreVersion,omitempty"`
	UIVersion       string          `json:"uiVersion,omitempty"`
	DeviceFamily    string          `json:"deviceFamily,omitempty"`
	ModelIdentifier string          `json:"modelIdentifier,omitempty"`
	RemoteIP        string          `json:"remoteIp,omitempty"`
	Caps            []string        `json:"caps"`
	Commands        []string        `json:"commands"`
	PathEnv         string          `json:"pathEnv,omitempty"`
	Permissions     map[string]bool `json:"permissions,omitempty"`
	ConnectedAtMs   int64           `json:"connectedAtMs,omitempty"`
}

// CommandPing is the command that whoever has a node's connection answers itself.
const CommandPing = "node.ping"

// NodeStatus is a row of rpc.node.list.
type NodeStatus struct {
	NodeInfo
	Paired    bool `json:"paired"`
	Connected bool `json:"connected"`
}

// NodeList is the answer of rpc.node.list, the connected ones first.
type NodeList struct {
	TS    int64        `json:"ts"`
	Nodes []NodeStatus `json:"nodes"`
}

// NodeDescription is the answer of rpc.node.describe.
type NodeDescription struct {
	TS int64 `json:"ts"`
	NodeStatus
}

// NodeInvoke is asked of rpc.node.invoke.
type NodeInvoke struct {
	NodeID         string          `json:"nodeId" max:"128" doc:"The node, as the list has it."`
	Command        string          `json:"command" max:"128" doc:"One of its commands."`
	Params         json.RawMessage `json:"params,omitempty" doc:"What the command takes."`
	TimeoutMs      int64           `json:"timeoutMs,omitempty" min:"0" max:"600000" doc:"How long the node may take; unset: 30 s."`
	IdempotencyKey string          `json:"idempotencyKey" max:"256" doc:"Names this call; the same one again gets the first answer again."`
}

// NodeInvoked is its answer.
type NodeInvoked struct {
	OK          bool            `json:"ok"`
	NodeID      string          `json:"nodeId"`
	Command     string          `json:"command"`
	Payload     json.RawMessage `json:"payload,omitempty"`
	PayloadJSON string          `json:"payloadJSON,omitempty"` // the same as a string
}

// NodeInvokeRequest is the event node.invoke.request, which only the node gets.
type NodeInvokeRequest struct {
	ID             string `json:"id"`
	NodeID         string `json:"nodeId"`
	Command        string `json:"command"`
	ParamsJSON     string `json:"paramsJSON,omitempty"`
	TimeoutMs      int64  `json:"timeoutMs"`
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
}

// NodeInvokeResult is asked of rpc.node.invoke.result: a node's answer to that
// event. Payload or PayloadJSON has what the command returned.
type NodeInvokeResult struct {
	ID          string          `json:"id" max:"128" doc:"The id of the event node.invoke.request."`
	NodeID      string          `json:"nodeId" max:"128" doc:"The node itself."`
	OK          bool            `json:"ok" doc:"Whether the command was done."`
	Payload     json.RawMessage `json:"payload,omitempty" doc:"What the command returned."`
	PayloadJSON string          `json:"payloadJSON,omitempty" doc:"The same, as JSON in a string."`
	Error       *NodeError      `json:"error,omitempty" doc:"Why it was not done."`
}

// NodeError is a node's own word for what went wrong.
type NodeError struct {
	Code    string `json:"code,omitempty" max:"128" doc:"Such as NODE_BACKGROUND_UNAVAILABLE."`
	Message string `json:"message,omitempty" max:"4096" doc:"For people."`
}

// NodeTold is the answer of rpc.node.invoke.result and rpc.node.event.
type NodeTold struct {
	OK      bool `json:"ok"`
	Ignored bool `json:"ignored,omitempty"` // nobody waits for it any more
}

// NodeTells is asked of rpc.node.event: something happened at the node.
type NodeTells struct {
	Event       string          `json:"event" max:"128" doc:"Such as voice.transcript."`
	Payload     json.RawMessage `json:"payload,omitempty" doc:"What the event carries."`
	PayloadJSON string          `json:"payloadJSON,omitempty" doc:"The same, as JSON in a string; null counts as absent."`
}
