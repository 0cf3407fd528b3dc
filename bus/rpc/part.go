package rpc

import (
	"encoding/json"
	"time"

	"clawdbot/bus/msg"
)

func partMethods() []Method {
	return []Method{
		method[msg.BrowserRequest, json.RawMessage]("browser.request", Admin, "One call of browser control, as over HTTP on base port + 2.", within(2*time.Minute)),
		method[msg.BrowserWatch, msg.BrowserWatched]("browser.watch", Admin, "Sends this connection what a tab shows, as the event browser.frame, until the lease ends; asked again, it renews the lease."),
		method[msg.BrowserWatch, msg.OK]("browser.unwatch", Admin, "Ends the frames of a tab for this connection."),
		method[None, msg.CanvasStatus]("canvas.status", Write, "Where the canvas host serves its pages, and how many are open."),
		method[msg.CanvasQuery, msg.CanvasLink]("canvas.url", Write, "A URL that lets a browser see a page of the canvas for a while."),
		method[None, msg.ComponentList]("component.list", Read, "Each component, how it is, and what it did when it was probed last."),
		method[msg.ComponentRestart, msg.ComponentRestarted]("component.restart", Admin, "Gives one component a new life and leaves the others alone."),
	}
}

func partEvents() []Event {
	return []Event{
		event[msg.BrowserFrame]("browser.frame", Admin, "What a watched tab shows; to the connection that asked."),
	}
}
