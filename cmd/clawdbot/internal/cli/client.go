package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"clawdbot/gateway/client"
	"clawdbot/gateway/frame"
	"clawdbot/profile"
	"clawdbot/profile/proc"
)

// callTimeout bounds a conversation with a gateway whose context has no deadline.
const callTimeout = 5 * time.Second

// running is the profile's entry in the host registry when its gateway runs.
func running(p profile.Profile) (profile.Instance, bool, error) {
	i, err := p.Registry.Get(p.Name)
	if errors.Is(err, profile.ErrNotRegistered) {
		return i, false, nil
	}
	return i, err == nil && i.Is(p) && i.Alive(), err
}

// dial connects to the profile's own gateway, on the port that it registered.
// Without one that answers it returns an exitError that says unreachable.
func (a *app) dial(ctx context.Context, p profile.Profile) (*client.Client, error) {
	i, err := awake(p)
	if err != nil {
		return nil, err
	}
	token, err := p.ClientToken()
	if err != nil {
		return nil, err
	}
	c, err := client.Dial(ctx, client.Config{
		URL: fmt.Sprintf("ws://127.0.0.1:%d", i.Ports.Gateway), Token: token, Profile: p.Name, Version: a.version,
	})
	if errors.Is(err, client.ErrUnauthorized) {
		why, try := wrongToken(p)
		return nil, &exitError{exitUnreachable, fmt.Errorf("%s: %w", why, err), try}
	}
	if err != nil {
		return nil, &exitError{exitUnreachable, err, p.Command("profiles")}
	}
	if dir := c.Hello().Snapshot.StateDir; dir != p.StateDir {
		_ = c.Close() // the answer is not for us
		err := fmt.Errorf("%w: port %d is profile %s with the state folder %s", client.ErrOtherProfile, i.Ports.Gateway, p.Name, dir)
		return nil, &exitError{exitUnreachable, err, "clawdbot profiles"}
	}
	return c, nil
}

// wrongToken says whose token a gateway refused, and the way out.
func wrongToken(p profile.Profile) (why, try string) {
	if p.TokenFromEnvironment() {
		return "CLAWDBOT_GATEWAY_TOKEN is not the token of profile " + p.Name, "unset CLAWDBOT_GATEWAY_TOKEN"
	}
	return p.TokenFile() + " is not the token of the gateway that runs", p.Command("gateway restart")
}

// awake is the profile's entry when its gateway runs and is not suspended.
func awake(p profile.Profile) (profile.Instance, error) {
	i, alive, err := running(p)
	if err != nil {
		return i, err
	}
	if !alive && !isSetUp(p) {
		return i, notSetUp(p, exitUnreachable)
	}
	if !alive {
		return i, &exitError{exitUnreachable, fmt.Errorf("the gateway of profile %s does not run", p.Name), p.Command("gateway")}
	}
	if info, err := proc.Same(i.Process); err == nil && info.Stopped {
		return i, &exitError{exitUnreachable, fmt.Errorf("the gateway of profile %s is suspended", p.Name), fmt.Sprintf("kill -CONT %d", info.PID)}
	}
	return i, nil
}

// call asks the profile's running gateway for one method.
func (a *app) call(ctx context.Context, p profile.Profile, method string, params, out any) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	c, err := a.dial(ctx, p)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Call(ctx, method, params, out)
}

// isRefused says whether the gateway understood a call and refused it as asked.
func isRefused(err error) bool {
	var refused *frame.Error
	return errors.As(err, &refused) && refused.Code == frame.CodeInvalidRequest
}

// plain is what a gateway refuses in its own words, without those of the call.
func plain(err error) error {
	var refused *frame.Error
	if errors.As(err, &refused) {
		return refused
	}
	return err
}
