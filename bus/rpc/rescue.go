package rpc

import "clawdbot/bus/msg"

func rescueMethods() []Method {
	return []Method{
		method[None, msg.PeersList]("peers.list", Read, "The gateways that this one watches, and its verdict on each."),
		method[msg.IncidentsQuery, msg.IncidentsList]("incidents.list", Read, "The troubles of peers, the newest first."),
		method[msg.IncidentQuery, msg.IncidentShown]("incidents.show", Read, "One incident with all its evidence."),
		method[None, msg.RescueStatus]("rescue.status", Read, "What this gateway would do about each peer."),
		method[msg.RescueOrder, msg.RescueOutcome]("rescue.repair", Admin, "Repairs a peer now, whatever its policy is."),
		method[msg.RescueOrder, msg.RescueOutcome]("rescue.hold", Admin, "Holds the repairs of a peer."),
		method[msg.RescueOrder, msg.RescueOutcome]("rescue.resume", Admin, "Lets the repairs of a peer go on."),
		method[msg.RescueOrder, msg.RescueOutcome]("rescue.directive", Admin, "Leaves a directive for the next start of a peer."),
	}
}

func rescueEvents() []Event {
	return []Event{event[msg.Incident]("incident", Read, "An incident of a peer began or changed.")}
}
