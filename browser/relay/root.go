package relay

import (
	"encoding/json"
	"strings"
)

// own is the function behind a command that the relay answers itself, for an
// extension has no debugger of the whole browser; nil for the others.
func own(method string) func(*client, json.RawMessage) (any, *cdpError) {
	switch method {
	case "Browser.close":
		return (*client).refuseClose
	case "Browser.getVersion":
		return (*client).version
	case "Browser.setDownloadBehavior": // downloads go where the user wants them
		return (*client).ignore
	case "Target.activateTarget", "Target.closeTarget":
		return func(c *client, params json.RawMessage) (any, *cdpError) { return c.askOfTab(method, params) }
	case "Target.attachToTarget":
		return (*client).attach
	case "Target.createTarget":
		return func(c *client, params json.RawMessage) (any, *cdpError) { return c.ask(method, params) }
	case targetDetach:
		return (*client).detach
	case "Target.getBrowserContexts":
		return (*client).contexts
	case targetGetInfo:
		return (*client).targetInfo
	case "Target.getTargets":
		return (*client).targets
	case "Target.setAutoAttach":
		return (*client).autoAttach
	case "Target.setDiscoverTargets":
		return (*client).discover
	}
	return nil
}

// isBrowsers says whether the command means the browser in any session.
func isBrowsers(method string) bool { return strings.HasPrefix(method, "Browser.") }

type none struct{}

func (c *client) ignore(json.RawMessage) (any, *cdpError) { return none{}, nil }

func (c *client) refuseClose(json.RawMessage) (any, *cdpError) {
	return nil, failf(codeServer, "the browser is its user's: it is not closed from here")
}

func (c *client) version(json.RawMessage) (any, *cdpError) {
	l, err := c.hub.lenderFor(c, "")
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"protocolVersion": protocolVersion, "product": l.product, "revision": "", "userAgent": l.agent, "jsVersion": "",
	}, nil
}

// targets lists the tabs as they are now: the browser is asked for each.
func (c *client) targets(json.RawMessage) (any, *cdpError) {
	c.hub.refresh()
	_, infos := c.hub.status()
	return map[string][]targetInfo{"targetInfos": infos}, nil
}

// targetInfo is of one tab, or of the browser when no tab is named.
func (c *client) targetInfo(params json.RawMessage) (any, *cdpError) {
	id, err := targetOf(params)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return attachment{TargetInfo: &targetInfo{TargetID: "relay", Type: "browser", Attached: true}}, nil
	}
	c.hub.refresh()
	_, infos := c.hub.status()
	for _, info := range infos {
		if info.TargetID == id {
			return attachment{TargetInfo: &info}, nil
		}
	}
	return nil, noTarget(id)
}

func (c *client) attach(params json.RawMessage) (any, *cdpError) {
	var in struct {
		TargetID string `json:"targetId"`
		Flatten  bool   `json:"flatten"`
	}
	if err := decode(params, &in); err != nil {
		return nil, err
	}
	if !in.Flatten {
		return nil, failf(codeBadParams, "only flat sessions are served: set flatten")
	}
	session, err := c.hub.hold(c, in.TargetID)
	if err != nil {
		return nil, err
	}
	return attachment{SessionID: session}, nil
}

func (c *client) detach(params json.RawMessage) (any, *cdpError) {
	var in attachment
	if err := decode(params, &in); err != nil {
		return nil, err
	}
	if !c.hub.release(c, in.SessionID) {
		return nil, &cdpError{codeSession, "No session with given id"}
	}
	c.send(event{Method: targetDetached, Params: encode(attachment{SessionID: in.SessionID})})
	return none{}, nil
}

// askOfTab has the extension do something to a tab, which must be lent.
func (c *client) askOfTab(method string, params json.RawMessage) (any, *cdpError) {
	id, err := targetOf(params)
	if err != nil {
		return nil, err
	}
	if !c.hub.lends(id) {
		return nil, noTarget(id)
	}
	return c.ask(method, params)
}

func (c *client) ask(method string, params json.RawMessage) (any, *cdpError) {
	l, err := c.hub.lenderFor(c, "")
	if err != nil {
		return nil, err
	}
	result, err := l.call(method, "", params)
	return result, err
}

func (c *client) contexts(json.RawMessage) (any, *cdpError) {
	return map[string][]string{"browserContextIds": {}}, nil
}

// discover tells of every tab that is lent, now and later.
func (c *client) discover(params json.RawMessage) (any, *cdpError) {
	var in struct {
		Discover bool `json:"discover"`
	}
	if err := decode(params, &in); err != nil {
		return nil, err
	}
	infos := c.hub.wants(func() { c.discovers = in.Discover })
	if in.Discover {
		for _, info := range infos {
			c.send(event{Method: targetCreated, Params: encode(attachment{TargetInfo: &info})})
		}
	}
	return none{}, nil
}

// autoAttach attaches to every tab that is lent, now and later.
func (c *client) autoAttach(params json.RawMessage) (any, *cdpError) {
	var in struct {
		AutoAttach bool `json:"autoAttach"`
	}
	if err := decode(params, &in); err != nil {
		return nil, err
	}
	infos := c.hub.wants(func() { c.attaches = in.AutoAttach })
	if in.AutoAttach {
		for _, info := range infos {
			_, _ = c.hub.hold(c, info.TargetID) // it may be gone again
		}
	}
	return none{}, nil
}

func targetOf(params json.RawMessage) (string, *cdpError) {
	var in attachment
	err := decode(params, &in)
	return in.TargetID, err
}

func decode(params json.RawMessage, into any) *cdpError {
	if len(params) == 0 {
		return nil
	}
	if err := json.Unmarshal(params, into); err != nil {
		return failf(codeBadParams, "Invalid parameters: %v", err)
	}
	return nil
}
