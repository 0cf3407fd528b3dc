package rpc

import (
	"encoding/json"
	"time"

	"clawdbot/bus/msg"
)

func partMethods() []Method {
	return []Method{
		method[msg.BrowserRequest, json.RawMessage]("browser.request", Admin, "One call of browser control, as over HTTP on base port + 2.", within(2*time.Minute)),
		method[None, msg.CanvasStatus]("canvas.status", Write, "Where the canvas host serves its pages, and how many are open."),
		method[msg.CanvasQuery, msg.CanvasLink]("canvas.url", Write, "A URL that lets a browser see a page of the canvas for a while."),
		method[None, msg.ComponentList]("component.list", Read, "Each component, how it is, and what it did when it was probed last."),
		method[msg.ComponentRestart, msg.ComponentRestarted]("component.restart", Admin, "Gives one component a new life and leaves the others alone."),
	}
}
