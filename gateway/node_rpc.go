package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/rpc"
	"clawdbot/bus/subject"
	"clawdbot/gateway/frame"
	"clawdbot/gateway/pairing"
	"clawdbot/profile/store"
)

const (
	// keepReceipts and maxReceipts bound the answers of commands that are kept
	// against a second run; one may have half a mebibyte.
	keepReceipts = 10 * time.Minute
	maxReceipts  = 64
	// invokeTimeout is how long a command may take when the client does not say.
	invokeTimeout = 30 * time.Second
	// maxInvokes bounds the commands under way at all nodes: the gateway's other
	// methods want turns too.
	maxInvokes = 128
	// pingTimeout is how long the list waits for whoever has a node's connection.
	pingTimeout = time.Second
)

// nodeEndpoints are the methods on nodes.
func (s *Server) nodeEndpoints() ([]bus.Endpoint, error) {
	list, err := s.endpointsOf(map[string]bus.Handler{
		"node.pair.request": taking(s.requestNode),
		"node.pair.list":    func(context.Context, *bus.Request) (any, error) { return answer(s.bridged.List()) },
		"node.pair.approve": taking(s.approveNode),
		"node.pair.reject":  taking(s.rejectNode),
		"node.pair.verify":  taking(s.verifyNode),
		"node.rename":       taking(s.renameNode),
		"node.list":         s.listNodes,
		"node.describe":     s.describeNode,
		"node.invoke":       s.invokeNode,
	})
	if err != nil {
		return nil, err
	}
	own, err := s.endpointsOf(map[string]bus.Handler{
		"node.invoke.result": taking(s.nodeResult),
		"node.event":         taking(s.nodeEvent),
	})
	for i := range own {
		own[i].Inline = true // what one node tells stays in order
	}
	return append(list, own...), err
}

func (s *Server) requestNode(_ *bus.Request, p msg.NodePairRequest) (msg.NodePairRequested, error) {
	if err := checkNodeID(p.NodeID); err != nil {
		return msg.NodePairRequested{}, err
	}
	p.TokenHash = strings.ToLower(p.TokenHash)
	request, created, err := s.bridged.Request(p)
	if err != nil {
		return msg.NodePairRequested{}, err
	}
	if created {
		s.publish("node.pair.requested", request)
	}
	return msg.NodePairRequested{Status: "pending", Request: request, Created: created}, nil
}

// checkNodeID refuses an id that no subject can have.
func checkNodeID(id string) error {
	if err := subject.Check(id); err != nil {
		return bus.Errorf(bus.CodeInvalidRequest, "nodeId: %v", err)
	}
	return nil
}

func (s *Server) approveNode(_ *bus.Request, p msg.PairDecision) (msg.NodeApproved, error) {
	n, err := s.bridged.Approve(p.RequestID)
	if err != nil {
		return msg.NodeApproved{}, err
	}
	s.resolvedNode(p.RequestID, n.NodeID, decisionApproved)
	return msg.NodeApproved{RequestID: p.RequestID, Node: n}, nil
}

func (s *Server) rejectNode(_ *bus.Request, p msg.PairDecision) (msg.NodeRejected, error) {
	r, err := s.bridged.Reject(p.RequestID)
	if err != nil {
		return msg.NodeRejected{}, err
	}
	s.resolvedNode(p.RequestID, r.NodeID, decisionRejected)
	return msg.NodeRejected{RequestID: p.RequestID, NodeID: r.NodeID}, nil
}

func (s *Server) resolvedNode(requestID, nodeID, decision string) {
	s.publish("node.pair.resolved", msg.NodeResolved{RequestID: requestID, NodeID: nodeID, Decision: decision, TS: time.Now().UnixMilli()})
}

func (s *Server) verifyNode(_ *bus.Request, p msg.NodeVerify) (msg.NodeVerified, error) {
	hash := strings.ToLower(p.TokenHash)
	switch {
	case (p.Token == "") == (hash == ""):
		return msg.NodeVerified{}, bus.Errorf(bus.CodeInvalidRequest, "node.pair.verify needs either token or tokenHash")
	case hash == "":
		hash = pairing.HashToken(p.Token)
	}
	n, err := s.bridged.Verify(p.NodeID, hash)
	if errors.Is(err, pairing.ErrToken) {
		return msg.NodeVerified{}, nil
	}
	if err != nil {
		return msg.NodeVerified{}, err
	}
	return msg.NodeVerified{OK: true, Node: &n}, nil
}

// renameNode renames a node of either kind.
func (s *Server) renameNode(_ *bus.Request, p msg.NodeName) (msg.NodeName, error) {
	err := s.bridged.Rename(p.NodeID, p.DisplayName)
	if errors.Is(err, pairing.ErrUnknownNode) {
		if devices, err := s.devices.Role(frame.RoleNode); err != nil {
			return p, err
		} else if _, is := devices[p.NodeID]; is {
			return p, s.devices.Rename(p.NodeID, p.DisplayName)
		}
	}
	return p, err
}

// pairedNodes are the nodes of both kinds, as the book has them.
func (s *Server) pairedNodes() (map[string]msg.NodeStatus, error) {
	devices, err := s.devices.Role(frame.RoleNode)
	if err != nil {
		return nil, err
	}
	bridged, err := s.bridged.List()
	if err != nil {
		return nil, err
	}
	all := map[string]msg.NodeStatus{}
	for _, n := range bridged.Paired {
		all[n.NodeID] = msg.NodeStatus{Paired: true, NodeInfo: msg.NodeInfo{
			NodeID: n.NodeID, DisplayName: n.DisplayName, Platform: n.Platform, Version: n.Version, CoreVersion: n.CoreVersion,
			UIVersion: n.UIVersion, DeviceFamily: n.DeviceFamily, ModelIdentifier: n.ModelIdentifier, RemoteIP: n.RemoteIP,
			Caps: n.Caps, Commands: n.Commands, Permissions: n.Permissions,
		}}
	}
	for id, d := range devices {
		all[id] = msg.NodeStatus{Paired: true, NodeInfo: msg.NodeInfo{
			NodeID: id, DisplayName: d.DisplayName, Platform: d.Platform, RemoteIP: d.RemoteIP, Caps: []string{}, Commands: []string{},
		}}
	}
	return all, nil
}

// now completes what the book has of a node by what the node says, if it is
// connected. The book's name goes first, for an operator may have given it.
func (s *Server) now(ctx context.Context, n msg.NodeStatus) msg.NodeStatus {
	info, err := s.pingNode(ctx, n.NodeID)
	if err != nil {
		return n
	}
	info.NodeID, info.DisplayName = n.NodeID, cmp.Or(n.DisplayName, info.DisplayName)
	return msg.NodeStatus{NodeInfo: info, Paired: true, Connected: true}
}

// pingNode asks whoever has the node's connection.
func (s *Server) pingNode(ctx context.Context, id string) (info msg.NodeInfo, err error) {
	subj, err := s.cfg.Subjects.NodeInvoke(id)
	if err != nil {
		return info, bus.Errorf(bus.CodeInvalidRequest, "nodeId: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := bus.Call(ctx, s.nc, subj, msg.Invoke{Command: msg.CommandPing}, &info); err != nil {
		return info, notConnected()
	}
	return info, nil
}

func (s *Server) listNodes(ctx context.Context, _ *bus.Request) (any, error) {
	paired, err := s.pairedNodes()
	if err != nil {
		return nil, pairingError(err)
	}
	list := msg.NodeList{TS: time.Now().UnixMilli(), Nodes: make([]msg.NodeStatus, 0, len(paired))}
	var asking sync.WaitGroup
	var mu sync.Mutex
	for _, n := range paired {
		asking.Go(func() {
			n := s.now(ctx, n)
			mu.Lock()
			defer mu.Unlock()
			list.Nodes = append(list.Nodes, n)
		})
	}
	asking.Wait()
	slices.SortFunc(list.Nodes, func(a, b msg.NodeStatus) int {
		if a.Connected != b.Connected {
			return map[bool]int{true: -1, false: 1}[a.Connected]
		}
		return cmp.Or(strings.Compare(a.DisplayName, b.DisplayName), strings.Compare(a.NodeID, b.NodeID))
	})
	return list, nil
}

func (s *Server) describeNode(ctx context.Context, r *bus.Request) (any, error) {
	var p msg.NodeKey
	if err := rpc.Decode(r.Data, &p); err != nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	paired, err := s.pairedNodes()
	if err != nil {
		return nil, pairingError(err)
	}
	n, ok := paired[p.NodeID]
	if !ok {
		return nil, pairingError(pairing.ErrUnknownNode)
	}
	return msg.NodeDescription{TS: time.Now().UnixMilli(), NodeStatus: s.now(ctx, n)}, nil
}

// approvalCommands begin the commands that decide what may run on a node. They
// are exec.approvals.node.get and set, which take more than leave to run commands.
const approvalCommands = "system.execApprovals."

// invokeNode runs a command once for each idempotency key. Who waits for another
// call with the key takes a turn as well.
func (s *Server) invokeNode(ctx context.Context, r *bus.Request) (any, error) {
	var p msg.NodeInvoke
	if err := rpc.Decode(r.Data, &p); err != nil {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "%v", err)
	}
	if strings.HasPrefix(p.Command, approvalCommands) && !rpc.Holds(rpc.Scopes(r.Header), rpc.Admin) {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "missing scope: %s", rpc.Admin)
	}
	select {
	case s.nodes.turns <- struct{}{}:
		defer func() { <-s.nodes.turns }()
	default:
		e := bus.Errorf(bus.CodeUnavailable, "more than %d commands are under way at nodes", maxInvokes)
		e.Retryable, e.RetryAfterMs = true, 100
		return nil, e
	}
	body, _, err := s.receipts.Once(ctx, "node.invoke/"+p.IdempotencyKey, func(ctx context.Context) (json.RawMessage, error) {
		done, err := s.nodes.invoke(ctx, p)
		if err != nil {
			return nil, err
		}
		return json.Marshal(done)
	})
	if errors.Is(err, store.ErrKey) {
		err = bus.Errorf(bus.CodeInvalidRequest, "idempotencyKey: %v", err)
	}
	return bus.Raw(body), err
}

// invoke asks whoever has the node's connection for a command that the node
// declares and may be asked for.
func (ns *nodes) invoke(ctx context.Context, p msg.NodeInvoke) (done msg.NodeInvoked, err error) {
	info, err := ns.srv.pingNode(ctx, p.NodeID)
	switch {
	case err != nil:
		return done, err
	case ns.srv.refusesCommand(info.Platform, info.DeviceFamily, p.Command):
		return done, commandRefused(p.Command, "gateway.nodes does not allow it for this platform")
	case !slices.Contains(info.Commands, p.Command):
		return done, commandRefused(p.Command, "the node did not declare it")
	}
	subj, err := ns.srv.cfg.Subjects.NodeInvoke(p.NodeID)
	if err != nil {
		return done, err
	}
	in := msg.Invoke{Command: p.Command, Params: p.Params, TimeoutMs: cmp.Or(p.TimeoutMs, invokeTimeout.Milliseconds()), IdempotencyKey: p.IdempotencyKey}
	wait := time.Duration(in.TimeoutMs) * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, wait+pingTimeout) // who has the connection keeps the time
	defer cancel()
	var result msg.InvokeResult
	if err := bus.Call(ctx, ns.srv.nc, subj, in, &result); err != nil {
		return done, invokeError(err, wait)
	}
	return msg.NodeInvoked{OK: true, NodeID: p.NodeID, Command: p.Command, Payload: result.Payload, PayloadJSON: string(result.Payload)}, nil
}

// invokeError is why a command that was sent has no result.
func invokeError(err error, wait time.Duration) error {
	var said *bus.Error
	switch {
	case errors.As(err, &said) && strings.HasPrefix(said.Message, "nobody serves "): // it went since the ping
		return notConnected()
	case errors.Is(err, context.DeadlineExceeded):
		return nodeLate(wait)
	}
	return err
}

// nodeResult takes a node's answer to a command.
func (s *Server) nodeResult(r *bus.Request, p msg.NodeInvokeResult) (msg.NodeTold, error) {
	n := s.nodes.of(p.NodeID, r.Header.Get(rpc.HeaderConn))
	if n == nil {
		return msg.NodeTold{}, bus.Errorf(bus.CodeInvalidRequest, "nodeId mismatch: this connection is not that node")
	}
	return n.result(p)
}

// nodeEvent publishes what a node tells.
func (s *Server) nodeEvent(r *bus.Request, p msg.NodeTells) (msg.NodeTold, error) {
	n := s.nodes.of(r.Header.Get(rpc.HeaderDevice), r.Header.Get(rpc.HeaderConn))
	if n == nil {
		return msg.NodeTold{}, bus.Errorf(bus.CodeInvalidRequest, "only a connected node has events")
	}
	payload, err := payloadOf(p.Payload, p.PayloadJSON)
	if err != nil {
		return msg.NodeTold{}, err
	}
	subj, err := s.cfg.Subjects.NodeEvent(n.info.NodeID)
	if err != nil {
		return msg.NodeTold{}, err
	}
	body, err := json.Marshal(msg.NodeEvent{Event: p.Event, Payload: payload})
	if err != nil {
		return msg.NodeTold{}, err
	}
	return msg.NodeTold{OK: true}, s.nc.Publish(subj, body)
}
