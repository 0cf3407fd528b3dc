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
// # Pictures and live views
//
// Pictures, PDFs and traces are files that only we can read in the folder media,
// which keeps 500 of them for 7 days; inline gives a picture in the answer. A file
// at a path of the caller's stays, and overwrites nothing.
//
// A trace is Chrome's, a zip with a trace.json, not Playwright's as in the
// original: see package capture. Of what it may hold, screenshots can be chosen;
// snapshots and sources are of Playwright's alone and change nothing.
//
// A client of the gateway sees a tab live by rpc.browser.watch: its connection
// alone gets the event browser.frame, at most ten times a second and only when the
// tab changes, until its lease of 10 s ends; asking again renews that. All who
// watch a tab share one cast. To watch neither raises the tab nor makes it the one
// used last.
//
// # Browsers
//
// A browser profile has at most one Chromium at a time. One that we start has
// its own user data folder, a debugging port on 127.0.0.1 and one CDP
// connection, and ends with the gateway, on Linux even when that is killed. One
// that we only attach to (cdpUrl, attachOnly) is never ended by us. While no
// browser runs, nothing of CDP is in memory.
//
// The ledger in the store (browser/owner) has every Chromium that we started,
// by pid and start time. What an earlier gateway left behind is ended when the
// next one begins; what the ledger does not prove to be ours is named and left
// alone. A Chromium that hangs is replaced by the next start, one that nobody
// has used for browser.idleTimeout is closed, and so is every tab that a page
// opens beyond browser.maxTabs. Calls that only look (status, profiles, tabs,
// ps) are no use.
package browser
