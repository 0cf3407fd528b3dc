package relay

import (
	"context"
	"encoding/json"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// client is a program that drives the tabs over CDP.
type client struct {
	hub   *hub
	conn  *websocket.Conn
	ctx   context.Context // ends with the connection
	group sync.WaitGroup  // commands for the browser under way

	// The hub's lock guards these.
	discovers bool // wants to hear of tabs
	attaches  bool // wants to be attached to each tab
}

// serve runs commands until the connection ends. Those of a tab go to it in their
// order and are answered as they end; those of the browser run beside each other.
func (c *client) serve() {
	defer c.group.Wait()
	for {
		var cmd command
		if err := read(c.ctx, c.conn, &cmd); err != nil {
			return
		}
		if do := own(cmd.Method); do != nil && (cmd.SessionID == "" || isBrowsers(cmd.Method)) {
			c.group.Go(func() {
				result, err := do(c, cmd.Params)
				c.answer(cmd, result, err)
			})
			continue
		}
		c.forward(cmd)
	}
}

// forward gives the command to the extension. One without a session concerns the
// whole browser, as its cookies do, so any tab can answer.
func (c *client) forward(cmd command) {
	f, err := narrow(forwarded{cmd.Method, cmd.Params, cmd.SessionID})
	var l *lender
	if err == nil {
		l, err = c.hub.lenderFor(c, cmd.SessionID)
	}
	if err != nil {
		c.answer(cmd, nil, err)
		return
	}
	l.send(f, func(result json.RawMessage, err *cdpError) {
		c.answer(cmd, result, err)
	})
}

// narrow keeps commands to the tab that was lent: its debugger would take some of them
// for the whole browser, whose other tabs and cookies are the user's.
func narrow(f forwarded) (forwarded, *cdpError) {
	switch f.Method {
	case "Target.setAutoAttach": // to what is below the tab
		return f, nil
	case targetGetInfo:
		f.Params = encode(none{}) // of the session's own
		return f, nil
	case "Storage.getCookies", "Network.getAllCookies", "Network.getCookies":
		f.Method, f.Params = "Network.getCookies", encode(none{}) // of the page and its frames
	case "Storage.clearCookies", "Network.clearBrowserCookies", "Network.clearBrowserCache":
		return f, failf(codeServer, "%s would clear what the user's browser has of every site: only a tab was lent", f.Method)
	}
	if isBrowsers(f.Method) || strings.HasPrefix(f.Method, "Target.") {
		return f, failf(codeNoMethod, "%s: the browser is its user's, and only a tab was lent", f.Method)
	}
	return f, nil
}

func (c *client) answer(to command, result any, err *cdpError) {
	a := answer{ID: to.ID, SessionID: to.SessionID, Error: err}
	if err == nil {
		a.Result = encode(result)
	}
	c.send(a)
}

// send tells the client something. One that does not listen loses its connection,
// and what reads hears of that.
func (c *client) send(v any) { _ = write(c.ctx, c.conn, v) }

// cut ends the connection.
func (c *client) cut() { _ = c.conn.CloseNow() }
