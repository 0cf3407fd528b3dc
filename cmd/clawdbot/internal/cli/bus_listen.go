package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/profile"
)

// listener prints what comes on a subject, over restarts of the gateway.
type listener struct {
	app     *app
	profile profile.Profile
	opts    subOptions
	use     busUse
	show    func(*nats.Msg) error // instead of printing each as it is, nil for that
	seen    int                   // messages
}

// errEnded says that the connection to the bus ended.
var errEnded = errors.New("the connection to the bus ended")

// run prints messages until there are enough or ctx ends, which is no error.
func (l *listener) run(ctx context.Context) error {
	in, err := l.connect(ctx)
	if err == nil && !*l.opts.json {
		fmt.Fprintf(l.app.Err, "listening on %s as %s of profile %s; Ctrl-C ends it\n", l.use.subject, in.user, l.profile.Name)
	}
	for err == nil {
		err = l.print(ctx, in)
		in.Close()
		if !errors.Is(err, errEnded) {
			return err
		}
		fmt.Fprintf(l.app.Err, "clawdbot: the connection to the bus of profile %s ended; waiting for the gateway\n", l.profile.Name)
		if in, err = l.reconnect(ctx); err == nil {
			fmt.Fprintf(l.app.Err, "clawdbot: the bus of profile %s is back\n", l.profile.Name)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// feed is a subscription under way.
type feed struct {
	*busClient
	sub      *nats.Subscription
	messages chan *nats.Msg
}

func (l *listener) connect(ctx context.Context) (feed, error) {
	nc, err := l.app.busConnect(l.profile, l.opts.busOptions, l.use)
	if err != nil {
		return feed{}, err
	}
	in := feed{busClient: nc, messages: make(chan *nats.Msg, 1024)}
	if in.sub, err = nc.ChanSubscribe(l.use.subject, in.messages); err != nil {
		err = fmt.Errorf("subscribe to %s: %w", l.use.subject, err)
	} else {
		err = nc.settle(ctx, l.use)
	}
	if err != nil {
		nc.Close()
	}
	return in, err
}

// reconnectEvery is how often a gateway that stopped is looked for.
const reconnectEvery = 200 * time.Millisecond

// reconnect waits until the gateway can be reached again.
func (l *listener) reconnect(ctx context.Context) (feed, error) {
	tick := time.NewTicker(reconnectEvery)
	defer tick.Stop()
	for {
		in, err := l.connect(ctx)
		var failed *exitError
		if !errors.As(err, &failed) || failed.Code != exitUnreachable {
			return in, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return in, ctx.Err()
		}
	}
}

// print prints what comes. It returns nil when there are enough messages or ctx
// ends, errEnded when the connection does.
func (l *listener) print(ctx context.Context, in feed) error {
	dropped := 0
	for l.opts.count == 0 || l.seen < l.opts.count {
		select {
		case m := <-in.messages:
			if err := l.printMessage(m); err != nil {
				return err
			}
			l.seen++
			if now, err := in.sub.Dropped(); err == nil && now > dropped {
				l.app.warn(fmt.Sprintf("%s came faster than this could print and are not shown", count(now-dropped, "message")))
				dropped = now
			}
		case <-ctx.Done():
			return nil
		case <-in.ended:
			if len(in.messages) == 0 {
				return errEnded
			}
		}
	}
	return nil
}

func (l *listener) printMessage(m *nats.Msg) error {
	if l.show != nil {
		return l.show(m)
	}
	return l.app.printMessage(m, l.opts)
}
