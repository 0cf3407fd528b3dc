package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"clawdbot/bus"
	"clawdbot/bus/subject"
	"clawdbot/profile"
)

// busOptions are the flags of what speaks on the bus itself.
type busOptions struct {
	as           string // user; "" chooses by what is to be done
	passwordFile string // - reads the standard input
	password     string // what was read there
	count        int
	timeout      time.Duration
	json         *bool
}

func (o *busOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.as, "as", "", "connect as `USER`; without it as debug or ingress")
	cmd.Flags().StringVar(&o.passwordFile, "password-file", "", "`FILE` with that user's password; - reads it from the input")
}

// busUse is what a connection is for.
type busUse struct {
	verb    busVerb
	subject string
}

func (u busUse) String() string { return string(u.verb) + " to " + u.subject }

type busVerb string

const (
	publish   busVerb = "publish"
	subscribe busVerb = "subscribe"
)

// busClient is a connection to the bus of one profile.
type busClient struct {
	*nats.Conn
	profile profile.Profile
	user    string
	ended   chan struct{} // closed when the connection ended
}

// standing is the user that every profile has and that may do so, or "".
func standing(p profile.Profile, use busUse) string {
	switch {
	case use.verb == subscribe: // the server says what it may not see
		return bus.UserDebug
	case strings.HasPrefix(use.subject, "$SRV."):
		return bus.UserDebug
	case p.Subjects().InChannel(use.subject) != "":
		return bus.UserIngress
	}
	return ""
}

// busConnect connects to the profile's running bus as the user that was asked
// for, or the one that has that use of it.
func (a *app) busConnect(p profile.Profile, o busOptions, use busUse) (*busClient, error) {
	if !subject.ValidPattern(use.subject) || use.verb == publish && strings.ContainsAny(use.subject, "*>") {
		return nil, &exitError{exitUsage, fmt.Errorf("%q is no subject to %s to", use.subject, use.verb), ""}
	}
	i, err := awake(p)
	if err != nil {
		return nil, err
	}
	c := &busClient{profile: p, user: o.as, ended: make(chan struct{})}
	if c.user == "" {
		c.user = standing(p, use)
	}
	if c.user == "" {
		return nil, c.denied(use)
	}
	password, err := a.busPassword(p, o, c.user)
	if err != nil {
		return nil, err
	}
	return c, c.dial(i.Ports.Bus, password)
}

func (a *app) busPassword(p profile.Profile, o busOptions, user string) (string, error) {
	switch {
	case o.password != "":
		return o.password, nil
	case o.passwordFile == "-":
		body, err := io.ReadAll(io.LimitReader(a.In, 1<<16))
		return strings.TrimSpace(string(body)), err
	case o.passwordFile != "":
		body, err := os.ReadFile(o.passwordFile)
		return strings.TrimSpace(string(body)), err
	case !ofProfile(user):
		return "", &exitError{exitUsage, fmt.Errorf("the password of user %s is needed: give --password-file FILE, or - for the input", user), ""}
	}
	return readKey(p, user)
}

func (c *busClient) dial(port int, password string) (err error) {
	c.Conn, err = nats.Connect(busURL(port),
		nats.Name("clawdbot bus"), nats.UserInfo(c.user, password), nats.CustomInboxPrefix(bus.InboxPrefix(c.user)),
		nats.NoReconnect(), nats.Timeout(lookTimeout),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // permissions are looked for after a flush; the default prints
		nats.ClosedHandler(func(*nats.Conn) { close(c.ended) }),
	)
	p := c.profile
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return c.refused()
	case err != nil:
		return &exitError{exitUnreachable, fmt.Errorf("the bus of profile %s at %s is not reachable: %w", p.Name, busURL(port), err), p.Command("status")}
	}
	if got := c.ConnectedServerName(); got != bus.ContextName(p.Bus()) {
		c.Close()
		return &exitError{exitUnreachable, fmt.Errorf("the bus at %s is %s, not that of profile %s", busURL(port), got, p.Name), "clawdbot profiles"}
	}
	return nil
}

// refused is a wrong user or password.
func (c *busClient) refused() error {
	p := c.profile
	err := fmt.Errorf("the bus of profile %s refuses user %s: no such user, or a wrong password", p.Name, c.user)
	if ofProfile(c.user) { // its key was changed under a running gateway
		return &exitError{exitFailed, err, p.Command("gateway restart")}
	}
	return &exitError{exitFailed, err, p.Command("bus grant " + c.user + " --publish SUBJECT --subscribe SUBJECT")}
}

// settle returns when the server has seen all that was sent, with the error
// when it refused it.
func (c *busClient) settle(ctx context.Context, use busUse) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := c.FlushWithContext(ctx)
	if errors.Is(c.LastError(), nats.ErrPermissionViolation) {
		return c.denied(use)
	}
	if err != nil {
		return c.lost(err)
	}
	return nil
}

// denied is a use that the user has not, with the command that makes a user
// who has it.
func (c *busClient) denied(use busUse) error {
	p, name := c.profile, c.user
	grant := bus.User{Name: "any", Publish: []string{use.subject}}
	if use.verb == subscribe {
		grant.Publish, grant.Subscribe = nil, grant.Publish
	}
	if err := bus.CheckGrant(p.Subjects(), grant); err != nil {
		why := strings.TrimPrefix(err.Error(), bus.ErrGrant.Error()+": ")
		return &exitError{exitFailed, fmt.Errorf("nobody on the bus of profile %s may %s: %s", p.Name, use, why), ""}
	}
	err := fmt.Errorf("user %s of profile %s may not %s", name, p.Name, use)
	if name == "" {
		err = fmt.Errorf("neither debug nor ingress of profile %s may %s: grant a user, then give --as NAME --password-file FILE", p.Name, use)
	}
	if name == "" || ofProfile(name) {
		name = "NAME"
	}
	return &exitError{exitFailed, err, p.Command(fmt.Sprintf("bus grant %s --%s '%s'", name, use.verb, use.subject))}
}

// ofProfile says whether the user is one that every profile has.
func ofProfile(user string) bool { return user == bus.UserDebug || user == bus.UserIngress }

// lost is a connection that ended.
func (c *busClient) lost(err error) error {
	return &exitError{exitUnreachable, fmt.Errorf("the connection to the bus of profile %s ended: %w", c.profile.Name, err), c.profile.Command("status")}
}
