package cli

import (
	"cmp"
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

// conn is a connection to a gateway.
type conn struct {
	*client.Client
	target
}

// name is the profile that answered.
func (c *conn) name() string { return c.Hello().Server.Profile }

// dial connects to the gateway that the flags or the config choose. Without one
// that answers it returns an exitError that says unreachable.
func (a *app) dial(ctx context.Context, p profile.Profile) (*conn, error) {
	t, err := a.target(p)
	if err != nil {
		return nil, err
	}
	return t.dial(ctx)
}

// talk runs what a command does with its connection, within its time.
func (a *app) talk(ctx context.Context, o lookOptions, do func(context.Context, *conn) error) error {
	p, err := a.profile()
	if err != nil {
		return a.failed(err, o.json)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	c, err := a.dial(ctx, p)
	if err != nil {
		return a.failed(err, o.json)
	}
	defer c.Close()
	return a.failed(do(ctx, c), o.json)
}

// dialOwn connects to the profile's own gateway, whatever else is chosen.
func (a *app) dialOwn(ctx context.Context, p profile.Profile) (*conn, error) {
	t, err := a.own(p)
	if err != nil {
		return nil, err
	}
	return t.dial(ctx)
}

func (t target) dial(ctx context.Context) (*conn, error) {
	c, err := client.Dial(ctx, t.Config)
	if err != nil {
		return nil, t.unreachable(err)
	}
	if dir := c.Hello().Snapshot.StateDir; t.own && dir != t.profile.StateDir {
		_ = c.Close() // the answer is not for us
		err := fmt.Errorf("%w: %s is profile %s with the state folder %s", client.ErrOtherProfile, t.URL, t.Profile, dir)
		return nil, &exitError{exitUnreachable, err, "clawdbot profiles"}
	}
	return &conn{c, t}, nil
}

// unreachable says why a gateway could not be talked to, and the way out.
func (t target) unreachable(err error) error {
	var refused *frame.Error
	switch {
	case errors.As(err, &refused) && refused.RetryAfterMs > 0:
		return &exitError{exitTryAgain, err, ""}
	case errors.Is(err, client.ErrUnauthorized):
		why, try := t.wrongCredential()
		return &exitError{exitUnreachable, fmt.Errorf("%s: %w", why, err), try}
	case t.own:
		return &exitError{exitUnreachable, err, t.profile.Command("profiles")}
	case t.remote && errors.Is(err, client.ErrCertificate):
		return &exitError{exitUnreachable, err, t.profile.Command("config set gateway.remote.tlsFingerprint <the one that its owner tells>")}
	}
	return &exitError{exitUnreachable, err, ""}
}

// wrongCredential says whose credential a gateway refused, and the way out.
func (t target) wrongCredential() (why, try string) {
	switch {
	case t.own && t.flagged:
		return "what --token or --password says is not the credential of " + t.String(), t.profile.Command("status")
	case t.own:
		return wrongToken(t.profile)
	case t.Token == "" && t.Password == "":
		why = "no token is known for " + t.String()
	default:
		why = "what was presented is not the credential of " + t.String()
	}
	if t.remote {
		return why, t.profile.Command("config set gateway.remote.token <its token>")
	}
	if byFlag(t.profile) { // then the environment's token is another profile's
		return why, fmt.Sprintf("export CLAWDBOT_PROFILE=%s CLAWDBOT_GATEWAY_TOKEN=<its token>, in place of --profile", t.profile.Name)
	}
	return why, "export CLAWDBOT_GATEWAY_TOKEN=<its token>"
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

// call asks the gateway that the flags or the config choose for one method.
func (a *app) call(ctx context.Context, p profile.Profile, method string, params, out any) error {
	return a.callBy(ctx, p, a.dial, call{method, params}, out)
}

// callOwn asks the profile's own gateway.
func (a *app) callOwn(ctx context.Context, p profile.Profile, method string, params, out any) error {
	return a.callBy(ctx, p, a.dialOwn, call{method, params}, out)
}

// call is one question; nil params are left out.
type call struct {
	method string
	params any
}

type dialer func(context.Context, profile.Profile) (*conn, error)

func (a *app) callBy(ctx context.Context, p profile.Profile, dial dialer, q call, out any) error {
	if _, ok := ctx.Deadline(); !ok || a.reach.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cmp.Or(a.reach.timeout, callTimeout))
		defer cancel()
	}
	c, err := dial(ctx, p)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Call(ctx, q.method, q.params, out)
}

// ask is Call with an error for people.
func (c *conn) ask(ctx context.Context, method string, params, out any) error {
	return c.explain(c.Call(ctx, method, params, out))
}

// explain leaves a refusal in the gateway's own words, and says of any other
// failed call whose answer did not come.
func (c *conn) explain(err error) error {
	var refused *frame.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, context.DeadlineExceeded):
		return &exitError{exitUnreachable, fmt.Errorf("%s does not answer in time: %w", c.target, err), c.command("status")}
	}
	return &exitError{exitUnreachable, fmt.Errorf("%s does not answer: %w", c.target, err), c.command("status")}
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
