package msg

// Presence is one line of system-presence: the gateway itself (Mode gateway,
// Reason self), each client, and who else told of itself in a system-event.
type Presence struct {
	Host             string   `json:"host"`
	IP               string   `json:"ip,omitempty"`
	Version          string   `json:"version,omitempty"`
	Platform         string   `json:"platform,omitempty"`
	DeviceFamily     string   `json:"deviceFamily,omitempty"`
	ModelIdentifier  string   `json:"modelIdentifier,omitempty"`
	LastInputSeconds *int64   `json:"lastInputSeconds,omitempty"` // since a human touched the device
	Mode             string   `json:"mode"`
	DeviceID         string   `json:"deviceId,omitempty"`
	Roles            []string `json:"roles,omitempty"`
	Scopes           []string `json:"scopes,omitempty"`
	Tags             []string `json:"tags,omitempty"`
	InstanceID       string   `json:"instanceId,omitempty"`
	Reason           string   `json:"reason"`
	Text             string   `json:"text"`
	TS               int64    `json:"ts"` // Unix milliseconds
}

// PresenceChange is event.presence.
type PresenceChange struct {
	Presence []Presence `json:"presence"`
}

// SystemEvent is asked of rpc.system-event: a line for the agent, and what it says
// of who sends it.
type SystemEvent struct {
	Text             string   `json:"text" max:"4096" doc:"What happened."`
	DeviceID         string   `json:"deviceId,omitempty" max:"128"`
	InstanceID       string   `json:"instanceId,omitempty" max:"128" doc:"Tells two programs of one host apart; entries with the same one are merged."`
	Host             string   `json:"host,omitempty" max:"256"`
	IP               string   `json:"ip,omitempty" max:"64"`
	Mode             string   `json:"mode,omitempty" max:"64"`
	Version          string   `json:"version,omitempty" max:"64"`
	Platform         string   `json:"platform,omitempty" max:"64"`
	DeviceFamily     string   `json:"deviceFamily,omitempty" max:"64"`
	ModelIdentifier  string   `json:"modelIdentifier,omitempty" max:"64"`
	LastInputSeconds *int64   `json:"lastInputSeconds,omitempty" min:"0" doc:"Seconds since a human touched the device."`
	Reason           string   `json:"reason,omitempty" max:"64"`
	Roles            []string `json:"roles,omitempty" max:"16"`
	Scopes           []string `json:"scopes,omitempty" max:"16"`
	Tags             []string `json:"tags,omitempty" max:"16"`
}
