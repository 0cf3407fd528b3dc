package config

// HTTP are further endpoints on the base port.
type HTTP struct {
	Endpoints HTTPEndpoints `json:"endpoints" doc:"Endpoints that speak the protocols of others."`
}

// HTTPEndpoints speak the protocol of OpenAI. Whoever has the gateway's
// credential may use those that are enabled.
type HTTPEndpoints struct {
	ChatCompletions HTTPEndpoint `json:"chatCompletions" doc:"POST /v1/chat/completions."`
	Responses       HTTPEndpoint `json:"responses" doc:"POST /v1/responses."`
}

// HTTPEndpoint is one of them.
type HTTPEndpoint struct {
	_ struct{} `unused:"files images maxBodyBytes"`

	Enabled bool `json:"enabled" security:"off" doc:"Serve it."`
}

// GatewayTools says which tools POST /tools/invoke has.
type GatewayTools struct {
	_ struct{} `unused:"allow"`

	Deny []string `json:"deny" security:"union" doc:"Tools that are not invoked over HTTP, by name; a * stands for any characters."`
}

// Tools says what may be done for the agent.
type Tools struct {
	_ struct{} `unused:"*"`

	Deny []string `json:"deny" security:"union" doc:"Tools that nobody may invoke, by name; a * stands for any characters."`
}
