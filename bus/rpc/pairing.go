package rpc

import (
	"time"

	"clawdbot/bus/msg"
)

func pairingMethods() []Method {
	return []Method{
		method[None, msg.DevicePairings]("device.pair.list", Pairing, "Lists the devices that wait and those that are paired."),
		method[msg.PairDecision, msg.DeviceApproved]("device.pair.approve", Pairing, "Pairs a device that waits; who approves must hold the scopes that it asks for."),
		method[msg.PairDecision, msg.DeviceRejected]("device.pair.reject", Pairing, "Refuses a device that waits."),
		method[msg.DeviceKey, msg.DeviceKey]("device.pair.remove", Pairing, "Forgets a paired device and closes its connections."),
		method[msg.DeviceTokenRotate, msg.DeviceTokenRotated]("device.token.rotate", Pairing, "Replaces a device's token and closes the connections that live by the old one."),
		method[msg.DeviceTokenRevoke, msg.DeviceTokenRevoked]("device.token.revoke", Pairing, "Takes a role away from a device and closes the connections that live by it."),

		method[msg.NodePairRequest, msg.NodePairRequested]("node.pair.request", Pairing, "Asks that a node be paired; a repeated request gets the same id."),
		method[None, msg.NodePairings]("node.pair.list", Pairing, "Lists the nodes that wait and those that are paired."),
		method[msg.PairDecision, msg.NodeApproved]("node.pair.approve", Pairing, "Pairs a node that waits."),
		method[msg.PairDecision, msg.NodeRejected]("node.pair.reject", Pairing, "Refuses a node that waits."),
		method[msg.NodeVerify, msg.NodeVerified]("node.pair.verify", Pairing, "Tells whether a node's token is right."),

		method[None, msg.NodeList]("node.list", Read, "Lists the paired nodes and whether they are connected."),
		method[msg.NodeKey, msg.NodeDescription]("node.describe", Read, "Tells of one node."),
		method[msg.NodeName, msg.NodeName]("node.rename", Pairing, "Gives a node another name for people."),
		method[msg.NodeInvoke, msg.NodeInvoked]("node.invoke", Write, "Runs a command on a node.", within(10*time.Minute+10*time.Second)),
		method[msg.NodeInvokeResult, msg.NodeTold]("node.invoke.result", Node, "Answers the event node.invoke.request."),
		method[msg.NodeTells, msg.NodeTold]("node.event", Node, "Tells what happened at the node."),
	}
}

func pairingEvents() []Event {
	return []Event{
		event[msg.DeviceRequest]("device.pair.requested", Pairing, "A device waits for an operator."),
		event[msg.DeviceResolved]("device.pair.resolved", Pairing, "A device was approved or rejected."),
		event[msg.NodeRequest]("node.pair.requested", Pairing, "A node waits for an operator."),
		event[msg.NodeResolved]("node.pair.resolved", Pairing, "A node was approved or rejected."),
		event[msg.NodeInvokeRequest]("node.invoke.request", Node, "A command for the node, sent to it alone."),
	}
}
