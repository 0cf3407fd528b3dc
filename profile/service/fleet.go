package service

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Fleet is the host of gateways that a `clawdbot up` keeps, as their manager; socket is where it listens, see Keeper. There are no units to
// install. Start and Restart return when the gateway's process was started, whether it is ready or not.
func Fleet(socket string) *Host { return &Host{kind: Up, manager: fleet{socket}} }

// Of is the host that keeps a gateway running, by the manager's kind and, for Up, the keeper's socket. One that nobody keeps is ErrNoManager.
func Of(manager, keeper string, env func(string) string) (*Host, error) {
	switch kind := Kind(manager); kind {
	case Up:
		return Fleet(keeper), nil
	case Systemd, Launchd, Schtasks:
		return New(kind, env)
	case "":
		return nil, fmt.Errorf("%w: it was started by hand", ErrNoManager)
	default:
		return nil, fmt.Errorf("%w called %q", ErrNoManager, manager)
	}
}

// request and reply are one line of JSON each; a connection carries one of both.
type request struct {
	Verb    verb   `json:"verb"`
	Profile string `json:"profile"`
}

type reply struct {
	Status Status `json:"status"`
	Error  string `json:"error,omitempty"`
}

type verb string

const (
	verbStatus  verb = "status"
	verbStart   verb = "start"
	verbStop    verb = "stop"
	verbRestart verb = "restart"
)

// longestReply is room for a Status and the reasons of an error.
const longestReply = 64 << 10

// fleet asks a keeper.
type fleet struct{ socket string }

func (f fleet) ask(ctx context.Context, v verb, u unitFile) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, toolLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", f.socket)
	if err != nil {
		return Status{}, fmt.Errorf("%w: the clawdbot up that kept %s does not answer: %w", ErrNoManager, u.name, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // long ago: wakes what follows
	var r reply
	if err = json.NewEncoder(conn).Encode(request{v, u.name}); err == nil {
		r, err = readReply(conn)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	switch {
	case err != nil:
		return Status{}, fmt.Errorf("ask the clawdbot up that keeps %s: %w", u.name, err)
	case r.Error != "":
		return r.Status, errors.New(r.Error)
	}
	return r.Status, nil
}

// readReply reads one line, or what there is when the keeper hangs up.
func readReply(conn io.Reader) (r reply, err error) {
	line, err := bufio.NewReader(io.LimitReader(conn, longestReply)).ReadBytes('\n')
	switch {
	case len(line) == longestReply:
		return r, fmt.Errorf("its answer is longer than %d KiB", longestReply>>10)
	case err != nil && !errors.Is(err, io.EOF):
		return r, err
	}
	return r, json.Unmarshal(line, &r)
}

func (f fleet) status(ctx context.Context, u unitFile) (Status, error) {
	return f.ask(ctx, verbStatus, u)
}

func (f fleet) steer(ctx context.Context, v verb, u unitFile) error {
	_, err := f.ask(ctx, v, u)
	return err
}

func (f fleet) start(ctx context.Context, u unitFile) error   { return f.steer(ctx, verbStart, u) }
func (f fleet) stop(ctx context.Context, u unitFile) error    { return f.steer(ctx, verbStop, u) }
func (f fleet) restart(ctx context.Context, u unitFile) error { return f.steer(ctx, verbRestart, u) }

// A fleet has no unit files.
func (f fleet) adopt(context.Context, unitFile) error  { return errNoUnits }
func (f fleet) drop(context.Context, unitFile) error   { return errNoUnits }
func (f fleet) forget(context.Context, unitFile) error { return errNoUnits }

var errNoUnits = errors.New("clawdbot up keeps its gateways without units")
