// Package api holds the shapes of browser control's requests and answers, over
// HTTP and on the bus alike, and the errors with the HTTP status they are
// answered with. The field names are the original's.
package api
