// Package openai lets programs that speak OpenAI's protocol talk to the agent:
// POST /v1/chat/completions and /v1/responses, with and without streaming, and
// GET /v1/models. Each request is a run that is asked for on the bus, as the
// original does it; nothing here knows a model.
//
//   - The agent is named by the model, clawdbot:<agentId> or agent:<agentId>, or by
//     the header X-Clawdbot-Agent-Id; any other model means the default agent.
//   - The session is the header X-Clawdbot-Session-Key's, else one that lasts for
//     the same user, else a new one. /v1/responses goes on with the session of its
//     previous_response_id.
//   - The last message of the user, or of a tool, is what the agent is asked; those
//     before it come as context, system and developer messages as instructions.
//   - Parameters of a model, such as temperature, are passed over: the config
//     chooses it. Images and files are refused.
//   - A client that hangs up ends its run. Usage is zero: nothing counts it here.
//
// Errors are {error: {message, type}}. A stream ends with data: [DONE], also after
// an error that came when the answer had begun.
package openai
