package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Keeper starts gateways and starts them again when they crash. Its methods are called from many goroutines and know members by profile; only
// those that Status knows are steered.
type Keeper interface {
	Status(member string) (Status, bool)
	// Start does nothing for a member that runs. It and Restart clear the count of starts, so that no limit refuses a rescue.
	Start(ctx context.Context, member string) error
	Stop(ctx context.Context, member string) error
	Restart(ctx context.Context, member string) error
}

// Limits of a conversation with a keeper.
const (
	longestRequest = 4 << 10
	requestLimit   = 5 * time.Second // to say it, and to hear the answer
)

// ServeKeeper answers, on a listener that only this user can reach, what Fleet asks, until ctx ends; then it closes the listener. It returns
// when all its work has ended.
func ServeKeeper(ctx context.Context, l net.Listener, k Keeper) error {
	var open sync.WaitGroup
	defer open.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return errors.Join(fmt.Errorf("keeper: %w", err), l.Close())
		}
		open.Go(func() {
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(requestLimit))
			defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })() // long ago: wakes what follows
			line, err := bufio.NewReader(io.LimitReader(conn, longestRequest)).ReadBytes('\n')
			if err != nil {
				return // who says nothing is not answered
			}
			said := answer(ctx, k, line)
			_ = conn.SetWriteDeadline(time.Now().Add(requestLimit))
			_ = json.NewEncoder(conn).Encode(said) // who does not listen cannot be told
		})
	}
}

// answer does what one line asks for.
func answer(ctx context.Context, k Keeper, line []byte) reply {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return reply{Error: "keeper: not a request: " + err.Error()}
	}
	switch r.Verb {
	case verbStatus, verbStart, verbStop, verbRestart:
	default:
		return reply{Error: fmt.Sprintf("keeper: %q is no verb", r.Verb)}
	}
	status, kept := k.Status(r.Profile)
	if !kept {
		return reply{}
	}
	ctx, cancel := context.WithTimeout(ctx, toolLimit)
	defer cancel()
	var err error
	switch r.Verb {
	case verbStatus:
		return reply{Status: status}
	case verbStart:
		err = k.Start(ctx, r.Profile)
	case verbStop:
		err = k.Stop(ctx, r.Profile)
	case verbRestart:
		err = k.Restart(ctx, r.Profile)
	}
	status, _ = k.Status(r.Profile)
	if err != nil {
		return reply{status, err.Error()}
	}
	return reply{Status: status}
}
