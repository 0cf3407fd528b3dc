package config

// The struct tags of this file are the whole schema:
//
//	json     the key
//	doc      the description shown in the JSON Schema
//	enum     the allowed words, separated by |
//	min max  the allowed range of a number
//	format   a shape checked by name: see formats in formats.go
//	secret   "true" for a value that Redact hides
//	refuse   "words: sentence", words of the original that are refused with that sentence
//	reload   what a change takes: see Plan. Fields below one that has it share it
//	security how a fallback keeps it strict: see Tighten. It holds for all fields below
//	unused   on a blank field: keys of the original that load but do nothing here, * for any
//
// On a map, enum is about the values and format about the keys.
//
// A zero value means "not set" unless the comment says otherwise; Default says what then holds.

// Config is one profile's settings after $include, ${VAR} and the defaults.
type Config struct {
	_ struct{} `unused:"approvals audio auth bindings broadcast channels commands diagnostics discovery media memory messages meta models nodeHost plugins record session skills talk ui update web wizard"`

	Schema     string     `json:"$schema" reload:"hot" doc:"Address of the JSON Schema, for editors."`
	Gateway    Gateway    `json:"gateway" doc:"The control plane: WebSocket and HTTP on the base port."`
	Bridge     Bridge     `json:"bridge" reload:"bridge" doc:"The TCP listener for nodes (base port + 1)."`
	Browser    Browser    `json:"browser" reload:"browser" doc:"Browser control (base port + 2)."`
	CanvasHost CanvasHost `json:"canvasHost" reload:"canvas" doc:"The canvas host (base port + 4)."`
	Bus        Bus        `json:"bus" reload:"restart: the bus carries every part" doc:"The embedded NATS server (base port + 5 to + 8)."`
	Rescue     Rescue     `json:"rescue" reload:"hot" security:"rescue" doc:"How this profile watches its peers."`
	Hooks      Hooks      `json:"hooks" reload:"gateway" doc:"Webhooks on the base port."`
	Tools      Tools      `json:"tools" reload:"gateway" doc:"What may be done for the agent."`
	Agents     Agents     `json:"agents" reload:"agent" doc:"The agents of this profile."`
	Cron       Cron       `json:"cron" reload:"cron" doc:"Jobs that run at their time."`
	Logging    Logging    `json:"logging" doc:"The gateway's own log."`
	Env        Env        `json:"env" reload:"hot" doc:"Values for ${VAR} that hold when neither the environment nor the .env file sets them: {KEY: value} or {vars: {KEY: value}}."`
}

// Gateway is the control plane. Port 0 means the profile's registered block.
type Gateway struct {
	_ struct{} `unused:"customBindHost tailscale"`

	Mode           string       `json:"mode" reload:"restart: it decides whether a gateway runs here" enum:"local|remote" doc:"local runs a gateway here; remote makes the commands talk to gateway.remote.url."`
	Port           int          `json:"port" reload:"restart: every port follows from it" min:"1" max:"65535" doc:"Base port; the other listeners derive from it. Unset: the profile's registered block."`
	Bind           string       `json:"bind" reload:"gateway" security:"bind" enum:"loopback|lan|tailnet|auto" refuse:"custom: a custom address is not supported yet; use loopback, lan, tailnet or auto" doc:"Which addresses the gateway listens on. Anything but loopback needs a token or password."`
	Auth           Auth         `json:"auth" reload:"browser,canvas,gateway,relay" security:"auth" doc:"The shared credential that every client presents."`
	Remote         Remote       `json:"remote" reload:"hot" doc:"The gateway that commands talk to when gateway.mode is remote."`
	TLS            TLS          `json:"tls" reload:"gateway" security:"tls" doc:"TLS on the base port."`
	ControlUI      ControlUI    `json:"controlUi" reload:"gateway" doc:"The dashboard."`
	Reload         Reload       `json:"reload" reload:"hot" doc:"What happens when this file changes."`
	Nodes          NodeCommands `json:"nodes" reload:"gateway" doc:"Which commands nodes may be asked to run."`
	HTTP           HTTP         `json:"http" reload:"gateway" doc:"Further HTTP endpoints on the base port."`
	Tools          GatewayTools `json:"tools" reload:"gateway" doc:"Tools that are invoked over HTTP."`
	TrustedProxies []string     `json:"trustedProxies" reload:"gateway" security:"common" format:"cidr" doc:"Addresses or CIDR ranges whose forwarding headers are believed."`
}

// Auth is the gateway's credential. There is no mode without one.
type Auth struct {
	_ struct{} `unused:"allowTailscale"`

	Mode     string `json:"mode" enum:"token|password" refuse:"none|off: a gateway without a credential is not offered; use token or password" doc:"Which credential clients present."`
	Token    string `json:"token" secret:"true" doc:"The token. Unset: the one that setup made in the state folder."`
	Password string `json:"password" secret:"true" doc:"The password, for mode password."`
}

// Remote names another gateway for the commands to talk to.
type Remote struct {
	_ struct{} `unused:"sshIdentity sshTarget transport"`

	URL            string `json:"url" format:"ws-url" doc:"ws:// or wss:// address of the gateway."`
	Token          string `json:"token" secret:"true" doc:"Its token."`
	Password       string `json:"password" secret:"true" doc:"Its password."`
	TLSFingerprint string `json:"tlsFingerprint" doc:"SHA-256 fingerprint of its certificate, to pin a self-signed one."`
}

// TLS is the server side of a TLS listener.
type TLS struct {
	Enabled      bool   `json:"enabled" doc:"Serve TLS."`
	AutoGenerate bool   `json:"autoGenerate" doc:"Make a self-signed certificate when there is none."`
	CertPath     string `json:"certPath" doc:"PEM certificate chain."`
	KeyPath      string `json:"keyPath" doc:"PEM private key."`
	CAPath       string `json:"caPath" doc:"PEM certificates that client certificates are checked against."`
}

// ControlUI is the embedded dashboard.
type ControlUI struct {
	_ struct{} `unused:"allowInsecureAuth dangerouslyDisableDeviceAuth"`

	Enabled  bool   `json:"enabled" security:"off" doc:"Serve the dashboard."`
	BasePath string `json:"basePath" format:"url-path" doc:"Path prefix of the dashboard."`
}

// Reload says what a changed config file does to a running gateway.
type Reload struct {
	Mode       string `json:"mode" enum:"off|restart|hot|hybrid" doc:"off ignores changes, restart restarts, hot applies what can be applied, hybrid applies and restarts for the rest."`
	DebounceMs int    `json:"debounceMs" min:"0" max:"600000" doc:"Milliseconds of quiet before a change is acted on."`
}

// NodeCommands are allow and deny lists of node commands; deny wins.
type NodeCommands struct {
	_ struct{} `unused:"browser"`

	AllowCommands []string `json:"allowCommands" security:"common" doc:"Commands allowed beyond the platform's own set."`
	DenyCommands  []string `json:"denyCommands" security:"union" doc:"Commands never sent to a node."`
}

// Bridge is the listener for nodes. Port 0 means base + 1.
type Bridge struct {
	Enabled bool   `json:"enabled" security:"off" doc:"Listen for nodes."`
	Port    int    `json:"port" reload:"bridge,gateway" min:"1" max:"65535" doc:"Port. Unset: base port + 1."`
	Bind    string `json:"bind" security:"bind" enum:"loopback|lan|tailnet|auto" doc:"Which addresses the bridge listens on. Anything but loopback needs a token or password."`
	TLS     TLS    `json:"tls" security:"tls" doc:"TLS on the bridge."`
}

// Browser is the browser control server. An unset Headless or NoSandbox lets the server choose
// by the display and the user it runs as.
type Browser struct {
	_ struct{} `unused:"evaluateEnabled"`

	Enabled                   bool                      `json:"enabled" reload:"browser,relay" security:"off" doc:"Serve browser control."`
	ControlURL                string                    `json:"controlUrl" reload:"browser,gateway,relay" format:"http-url" doc:"Address of browser control. Unset: 127.0.0.1, base port + 2. One of another host is used in place of our own."`
	ControlToken              string                    `json:"controlToken" reload:"browser,relay" security:"credential" secret:"true" doc:"Token of browser control, also of one on another host. Unset: the gateway's."`
	CDPURL                    string                    `json:"cdpUrl" format:"cdp-url" doc:"Address of a Chromium that already runs, for the default browser profile."`
	ExecutablePath            string                    `json:"executablePath" doc:"The Chromium to start. Unset: the first one found."`
	Headless                  *bool                     `json:"headless" doc:"Start without a window. Unset: when there is no display."`
	NoSandbox                 *bool                     `json:"noSandbox" security:"sandbox" doc:"Start without Chromium's sandbox. Unset: when run as root."`
	AttachOnly                bool                      `json:"attachOnly" doc:"Never start a browser, only attach to one that runs."`
	Color                     string                    `json:"color" format:"color" doc:"Accent colour of the default browser profile, #RRGGBB."`
	DefaultProfile            string                    `json:"defaultProfile" format:"browser-profile" doc:"The browser profile used when a call names none."`
	RemoteCDPTimeoutMs        int                       `json:"remoteCdpTimeoutMs" min:"0" max:"600000" doc:"Milliseconds to wait for a remote browser's HTTP answer."`
	RemoteCDPHandshakeTimeout int                       `json:"remoteCdpHandshakeTimeoutMs" min:"0" max:"600000" doc:"Milliseconds to wait for a remote browser's WebSocket."`
	IdleTimeout               string                    `json:"idleTimeout" format:"duration" doc:"How long a browser may be unused before it is closed, such as 30m. Unset: it stays."`
	MaxTabs                   int                       `json:"maxTabs" min:"1" max:"1000" doc:"The most tabs of one browser profile."`
	Allow                     []string                  `json:"allow" security:"common" format:"browser-allow" doc:"What may be opened beyond http, https, data and about:blank: schemes such as file:, and origins such as http://127.0.0.1:18789 whose port is one of this host's gateways."`
	ExtensionIDs              []string                  `json:"extensionIds" reload:"relay" security:"common" format:"extension-id" doc:"Ids of other Chrome extensions that may lend tabs to the relay without its secret, such as the original's."`
	SnapshotDefaults          SnapshotDefaults          `json:"snapshotDefaults" doc:"Defaults of the snapshot call."`
	Profiles                  map[string]BrowserProfile `json:"profiles" format:"browser-profile" doc:"Browser profiles by name."`
}

// SnapshotDefaults are what a snapshot call uses when it does not say.
type SnapshotDefaults struct {
	Mode string `json:"mode" enum:"efficient" doc:"efficient keeps interactive elements only. Unset: everything."`
}

// BrowserProfile is one Chromium with its own user data. CDPPort 0 lets the planner choose.
type BrowserProfile struct {
	CDPPort int    `json:"cdpPort" min:"1" max:"65535" doc:"Debugging port. Unset: the next free one of the profile's range."`
	CDPURL  string `json:"cdpUrl" format:"cdp-url" doc:"Address of a remote browser."`
	Color   string `json:"color" format:"color" doc:"Accent colour, #RRGGBB."`
	Driver  string `json:"driver" enum:"clawd|extension" doc:"clawd starts its own browser; extension drives the user's through the relay."`
}

// CanvasHost is the canvas file server. Port 0 means base + 4.
type CanvasHost struct {
	Enabled    bool   `json:"enabled" reload:"canvas,gateway" security:"off" doc:"Serve the canvas."`
	Root       string `json:"root" doc:"Folder to serve. Unset: canvas in the workspace."`
	Port       int    `json:"port" reload:"canvas,gateway" min:"1" max:"65535" doc:"Port. Unset: base port + 4."`
	LiveReload bool   `json:"liveReload" doc:"Reload open pages when a file changes."`
}

// Bus is the embedded NATS server. Port 0 means base + 5; MonitorPort and WebsocketPort are off when 0.
type Bus struct {
	Port          int         `json:"port" min:"1" max:"65535" doc:"Port for NATS clients. Unset: base port + 5."`
	MonitorPort   int         `json:"monitorPort" security:"off" min:"1" max:"65535" doc:"Port of the NATS monitoring pages. Unset: off."`
	WebsocketPort int         `json:"websocketPort" security:"off" min:"1" max:"65535" doc:"Port for NATS over WebSocket. Unset: off."`
	Link          Link        `json:"link" doc:"The leaf links between the profiles of this host."`
	Remotes       []BusRemote `json:"remotes" security:"remotes" doc:"NATS clusters that this bus joins as a leaf node."`
}

// Link is the listener for peers. Port 0 means base + 6.
type Link struct {
	Enabled bool `json:"enabled" security:"off" doc:"Link to the other profiles of this host."`
	Port    int  `json:"port" min:"1" max:"65535" doc:"Port. Unset: base port + 6."`
}

// BusRemote is one outside NATS cluster.
type BusRemote struct {
	Name        string    `json:"name" format:"token" doc:"Name of the remote in status and logs."`
	URLs        []string  `json:"urls" format:"nats-url" doc:"Leaf node addresses of the cluster."`
	Credentials string    `json:"credentials" doc:"Path of a NATS credentials file."`
	TLS         ClientTLS `json:"tls" doc:"TLS towards the cluster."`
	Subjects    []string  `json:"subjects" format:"subject" doc:"What crosses: kinds (health, event, log, config, in, out, rpc, browser, canvas, node) or subjects such as event.chat. Unset: health, event, in; an empty list: none."`
}

// ClientTLS is the client side of a TLS connection.
type ClientTLS struct {
	CAPath   string `json:"caPath" doc:"PEM certificates that the server is checked against."`
	CertPath string `json:"certPath" doc:"PEM client certificate."`
	KeyPath  string `json:"keyPath" doc:"PEM key of the client certificate."`
}

// Rescue says whom this profile watches and what it may do about it; see PolicyFor.
// Nil Peers means every profile on the host, an empty list none.
type Rescue struct {
	Policy   string            `json:"policy" enum:"observe|restart|repair" doc:"observe only tells; restart may restart a peer; repair may also start it on its last good configuration. Unset: repair for a peer that a service manager or clawdbot up runs, else observe."`
	Policies map[string]string `json:"policies" format:"profile" enum:"observe|restart|repair" doc:"Policies for single peers, by profile."`
	Peers    []string          `json:"peers" format:"profile" doc:"The profiles that are watched and may watch. Unset: every profile on this host."`
	Notify   Notify            `json:"notify" doc:"Who is told of an incident."`
}

// Notify says how the operator learns of an incident. Without a Command no program runs.
type Notify struct {
	Command   []string       `json:"command" doc:"A program and its arguments, run without a shell, with the incident as JSON on its standard input."`
	TimeoutMs int            `json:"timeoutMs" min:"100" max:"600000" doc:"Milliseconds that the program may take before it is ended."`
	Channels  []NotifyTarget `json:"channels" doc:"Where the agent's channels deliver the incident."`
}

// NotifyTarget is one chat of one channel.
type NotifyTarget struct {
	Channel string `json:"channel" format:"token" doc:"The channel, such as telegram."`
	To      string `json:"to" doc:"Whom the channel sends it to: a chat, number or address in its own form."`
}

// Agents are the agents of the profile.
type Agents struct {
	Defaults AgentDefaults `json:"defaults" doc:"Settings of every agent that does not override them."`
	List     []Agent       `json:"list" doc:"The agents."`
}

// AgentDefaults hold for every agent.
type AgentDefaults struct {
	_ struct{} `unused:"*"`

	Workspace string `json:"workspace" reload:"agent,canvas" doc:"The agents' folder. Unset: the profile's workspace."`
}

// Agent is one agent.
type Agent struct {
	_ struct{} `unused:"*"`

	ID        string `json:"id" format:"token" doc:"Name of the agent in session keys."`
	Default   bool   `json:"default" doc:"This agent answers when none is named."`
	Workspace string `json:"workspace" doc:"This agent's folder. Unset: agents.defaults.workspace."`
}

// Logging is the gateway's own log.
type Logging struct {
	_ struct{} `unused:"consoleLevel consoleStyle redactPatterns redactSensitive"`

	Level string `json:"level" reload:"hot" enum:"silent|fatal|error|warn|info|debug|trace" doc:"The least severe level that is written."`
	File  string `json:"file" reload:"restart: the log file is opened once" doc:"Log file. Unset: in the profile's state folder."`
}

// Env maps variable names to fallback values, the two spellings of the file made one.
type Env map[string]string

// Default returns the settings of an empty file. It is the only place that knows a default.
func Default() Config {
	return Config{
		Gateway: Gateway{
			Mode:      "local",
			Bind:      "loopback",
			Auth:      Auth{Mode: "token"},
			TLS:       TLS{AutoGenerate: true},
			ControlUI: ControlUI{Enabled: true, BasePath: "/"},
			Reload:    Reload{Mode: "hybrid", DebounceMs: 300},
		},
		Bridge: Bridge{Enabled: true, Bind: "loopback", TLS: TLS{AutoGenerate: true}},
		Browser: Browser{
			Enabled:                   true,
			Color:                     "#FF4500",
			DefaultProfile:            "clawd",
			MaxTabs:                   100,
			RemoteCDPTimeoutMs:        1500,
			RemoteCDPHandshakeTimeout: 3000,
		},
		CanvasHost: CanvasHost{Enabled: true, LiveReload: true},
		Bus:        Bus{Link: Link{Enabled: true}},
		Hooks:      Hooks{Path: "/hooks", MaxBodyBytes: 256 << 10},
		Rescue:     Rescue{Notify: Notify{TimeoutMs: 10_000}},
		Cron:       Cron{Enabled: true, MaxConcurrentRuns: 1},
		Logging:    Logging{Level: "info"},
	}
}
