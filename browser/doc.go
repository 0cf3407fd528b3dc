// Package browser is browser control: it starts Chromium, or attaches to one
// that runs, and lets clients drive it over HTTP (base port + 2) and over the
// bus. The HTTP interface is the original's, with its field names.
//
// # Calls
//
// Every call is one row of a table (see verbs): an HTTP route, a verb on the
// bus (clawdbot.<p>.browser.<verb>) and the function behind both. Over HTTP the
// arguments are the JSON body's fields, then the query's, then the path's, the
// later ones winning; on the bus they are the request's JSON. Answers are the
// same JSON on both sides, and each names the gateway profile that answered.
// The gate stands before every HTTP route; on the bus its permissions do.
//
// open takes addresses of http, https and data, and about:blank: who may use the
// browser may not read the host's files with it. It waits up to 3 s for the page
// to load.
//
// # Errors
//
// Over HTTP an error is {"error": sentence} with status 400 for a bad argument,
// 404 for what does not exist, 409 for an ambiguous target or a browser that
// does not run, 413 for a body over 1 MiB, 503 when browser control is off and
// 500 for the rest. On the bus it is INVALID_REQUEST for the statuses below 500
// and UNAVAILABLE for the others, with details.status.
//
// # Browsers
//
// A browser profile has at most one Chromium at a time. One that we start has
// its own user data folder, a debugging port on 127.0.0.1 and one CDP
// connection, and ends with the gateway, on Linux even when that is killed. One
// that we only attach to (cdpUrl, attachOnly) is never ended by us. While no
// browser runs, nothing of CDP is in memory.
package browser
