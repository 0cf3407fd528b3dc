package rpc

import (
	"time"

	"clawdbot/bus/msg"
)

func approvalMethods() []Method {
	const longest = 30 * time.Minute // of timeoutMs
	return []Method{
		method[msg.ExecRequest, msg.ExecAnswer]("exec.approval.request", Approvals, "Asks people whether a command may run, and waits for their decision.", within(longest+10*time.Second)),
		method[msg.ExecResolve, msg.OK]("exec.approval.resolve", Approvals, "Decides about a command; the first decision counts."),
		method[None, msg.ExecApprovals]("exec.approvals.get", Admin, "Tells what may run on this host, without secrets."),
		method[msg.ExecSet, msg.ExecApprovals]("exec.approvals.set", Admin, "Replaces what may run on this host, if nobody else did since it was read."),
		method[msg.ExecNodeGet, msg.ExecApprovals]("exec.approvals.node.get", Admin, "Tells what may run on a node."),
		method[msg.ExecNodeSet, msg.ExecApprovals]("exec.approvals.node.set", Admin, "Replaces what may run on a node."),
	}
}

func approvalEvents() []Event {
	return []Event{
		event[msg.ExecPending]("exec.approval.requested", Approvals, "Somebody has to decide whether a command may run."),
		event[msg.ExecResolved]("exec.approval.resolved", Approvals, "Somebody has decided."),
	}
}
