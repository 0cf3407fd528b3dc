// Package hooks serves webhooks: requests of other programs, with a credential
// of their own, that become requests on the bus. They answer as the original does.
//
//	POST <path>/wake   {text, mode?}                     rpc.wake   200 {ok, mode}
//	POST <path>/agent  {message, sessionKey?, …}         rpc.agent  202 {ok, runId}
//	POST <path>/<name> anything, by the config's mapping either of the two
//
// The token comes as Authorization: Bearer or as X-Clawdbot-Token, never in the
// URL. A caller that says Idempotency-Key may ask again without a second run.
// Refusals are {ok: false, error}: 400 what is wrong with the body and where, 401
// and 429 the credential, 404 no such webhook, 413 and 415 the body's length and
// type, 503 with Retry-After when nobody serves the method.
//
// # Templates
//
// {{path}} in a mapping stands for a value: {{user.name}} and {{items[0].id}} of
// the payload, also as {{payload.user.name}}; {{headers.x-event}}; {{query.page}};
// {{path}}, the webhook's own; {{now}}. What is not there is empty, what is no
// scalar is JSON. Headers and query values that name a credential are not there.
package hooks
