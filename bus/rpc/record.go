package rpc

import "clawdbot/bus/msg"

func recordMethods() []Method {
	return []Method{
		method[msg.EventsQuery, msg.EventsSince]("events.since", Read, "The events that a client missed, as far as they were recorded and its scopes allow."),
		method[msg.RecordExport, msg.RecordPage]("record.export", Admin, "A page of the recorded traffic of the bus."),
		method[msg.RecordQuery, msg.RecordShown]("record.show", Admin, "The newest recorded traffic of the bus."),
		method[None, msg.RecordStats]("record.stats", Read, "How much traffic of the bus is recorded."),
	}
}
