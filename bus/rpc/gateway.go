package rpc

import "clawdbot/bus/msg"

func gatewayMethods() []Method {
	return []Method{
		method[msg.HealthQuery, msg.Health]("health", Read, "How the gateway, its components and its peers are."),
		method[None, msg.Status]("status", Read, "The gateway's condition and its sessions in short."),
		method[None, []msg.Presence]("system-presence", Read, "Who is connected: the gateway itself, then each client."),
		method[msg.SystemEvent, msg.OK]("system-event", Admin, "A line for the agent; what the sender says of itself becomes presence."),
		method[None, any]("rpc.schema", Read, "The JSON Schema of every method and event."),
		method[msg.Tail, msg.TailID]("bus.tail", Admin, "Sends this connection what comes on subjects of the bus, as the events bus.message and bus.rates."),
		method[msg.TailID, msg.OK]("bus.untail", Admin, "Ends a tail of this connection."),
		method[msg.BusPublish, msg.BusPublished]("bus.publish", Admin, "Publishes a message on a subject of this profile."),
	}
}

func gatewayEvents() []Event {
	return []Event{
		event[msg.Tick]("tick", Anyone, "The gateway lives; sent every policy.tickIntervalMs."),
		event[msg.PresenceChange]("presence", Anyone, "Who is connected changed."),
		event[msg.Health]("health", Anyone, "How the gateway is changed."),
		event[msg.Shutdown]("shutdown", Anyone, "The gateway stops."),
		event[msg.Features]("features", Anyone, "Methods came or went."),
		event[msg.BusMessages]("bus.message", Admin, "What came on a tailed bus; to the connection that asked."),
		event[msg.BusRates]("bus.rates", Admin, "How much comes on a tailed bus; to the connection that asked."),
	}
}
