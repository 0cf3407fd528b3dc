// Package approval asks people whether a command may run, and keeps what they
// always allow. It runs nothing itself: whoever wants to run a command, the agent
// or a node host, asks first.
//
// # Asking
//
// exec.approval.request is told to all clients with the scope for approvals
// (event exec.approval.requested) and answered by the first exec.approval.resolve,
// or with the decision null when its time is over. At most Config.MaxWaiting
// requests wait at once; more are refused. A request ends with the gateway, for
// nobody waits for its answer then.
//
// # What is always allowed
//
// It is a document in a file of the profile (0600), as the original has it:
// policies by agent, each with a list of programs. exec.approvals.set replaces it
// only with the hash of what it replaces. The decision allow-always adds the
// program's file to the asking agent's list, before the one who asked hears of
// it; a request that names no file changes nothing there, and is for the one who
// asked to remember. A document that cannot be read is never replaced.
//
// exec.approvals.node.get and set pass the same questions on to a node.
package approval
