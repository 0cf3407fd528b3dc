package subject

// Row is one line of the subject table.
type Row struct {
	Subject string // with <p> for the profile
	Kind    string // request, publish
	From    string // who sends
	To      string // who answers or listens
	What    string
	Crosses bool // whether it crosses the link to peers
}

// Table lists every subject. The README's table and the bus permissions are
// tested against it.
func Table() []Row {
	return []Row{
		{"clawdbot.<p>.rpc.<method>", "request", "gateway, granted services", "the method's owner", "every control method: `health`, `config.get`, `node.list` …", false},
		{"clawdbot.<p>.event.<name>", "publish", "every component", "gateway → clients", "what clients see: `tick`, `presence`, `health`, `shutdown` …", false},
		{"clawdbot.<p>.client.<conn>", "publish", "the method's owner", "gateway → one client", "an event for one connection alone: `browser.frame`; not recorded", false},
		{"clawdbot.<p>.in.<channel>", "request", "connectors, services", "agent", "a message for the agent; the reply comes after it is durable", false},
		{"clawdbot.<p>.out.<channel>", "request", "agent", "the channel's connector", "an answer to deliver; sent again until acknowledged", false},
		{"clawdbot.<p>.node.<nodeId>.invoke", "request", "gateway, agent", "who has the node's connection", "a command for a node", false},
		{"clawdbot.<p>.node.<nodeId>.event", "publish", "who has the node's connection", "agent, gateway", "what a node tells", false},
		{"clawdbot.<p>.browser.<verb>", "request", "agent, services", "browser", "`status`, `start`, `stop`, `tabs`, `open` …", false},
		{"clawdbot.<p>.canvas.<verb>", "request", "agent, services", "canvas", "`status`, `url`", false},
		{"clawdbot.<p>.health.beat", "publish", "the supervised loop", "peers", "every 250 ms: boot, sequence, phase, components, generation", true},
		{"clawdbot.<p>.health.ping", "request", "peers", "the supervised loop", "answers with a fresh beat", true},
		{"clawdbot.<p>.health.<component>", "publish", "each component", "the supervised loop, peers", "a component's state, on each change", true},
		{"clawdbot.<p>.health.peer.<name>", "publish", "rescue", "everyone", "a peer's verdict with reason and evidence, on each change", true},
		{"clawdbot.<p>.rescue.<verb>", "request", "peers", "rescue", "`diagnose`: what a live gateway says of itself", true},
		{"clawdbot.<p>.probe.<component>", "request", "the supervised loop", "the component", "does a small piece of its real work and answers", false},
		{"clawdbot.<p>.log.<level>", "publish", "every component", "everyone", "log lines", false},
		{"clawdbot.<p>.config.<what>", "publish", "gateway", "everyone", "generations `applied`, `refused`, `fallback`, `rolled-back`", false},
	}
}
