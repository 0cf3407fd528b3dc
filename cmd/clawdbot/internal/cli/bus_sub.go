package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/spf13/cobra"
)

func newBusSubCmd(a *app, asJSON *bool) *cobra.Command {
	o := subOptions{busOptions: busOptions{json: asJSON}}
	cmd := &cobra.Command{
		Use:   "sub [SUBJECT]",
		Short: "Print the messages on a subject; without one, all of the profile",
		Long: `sub prints each message on one line, cut to the width of a terminal; --pretty
shows it whole. When the gateway stops, sub says so and goes on with the next
start.`,
		Example: `  clawdbot bus sub
  clawdbot bus sub 'clawdbot.*.health.peer.*' --count 1`,
		Args: takes("[SUBJECT]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.count < 0 {
				return usage(cmd, "--count: %d is no number of messages", o.count)
			}
			return a.runSub(cmd.Context(), o, strings.Join(args, ""))
		},
	}
	o.register(cmd)
	cmd.Flags().IntVar(&o.count, "count", 0, "stop after this many messages")
	cmd.Flags().BoolVar(&o.pretty, "pretty", false, "print messages whole, over several lines")
	addTimeout(cmd.Flags(), &o.timeout, "stop after this time")
	return cmd
}

type subOptions struct {
	busOptions
	pretty bool
}

// runSub prints messages until the count, the time or the person ends it. Too
// few messages in the time is an error.
func (a *app) runSub(ctx context.Context, o subOptions, subj string) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	if subj == "" {
		subj = p.Subjects().All()
	}
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	if o.passwordFile == "-" { // it can be read only once
		if o.password, err = a.busPassword(p, o.busOptions, o.as); err != nil {
			return err
		}
	}
	l := listener{app: a, profile: p, opts: o, use: busUse{subscribe, subj}}
	err = l.run(ctx)
	if o.count > l.seen && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &exitError{exitFailed, fmt.Errorf("%d of %s came on %s within %s", l.seen, count(o.count, "message"), subj, o.timeout), ""}
	}
	return err
}

func newBusPubCmd(a *app, asJSON *bool) *cobra.Command {
	o := busOptions{json: asJSON, count: 1}
	cmd := &cobra.Command{
		Use:     "pub SUBJECT [BODY]",
		Short:   "Send a message; the body - is read from the input",
		Example: `  clawdbot bus pub clawdbot.main.in.cli '{"text":"hello"}'`,
		Args:    takes("SUBJECT", "[BODY]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.count < 1 {
				return usage(cmd, "--count: %d is no number of messages", o.count)
			}
			return a.runPub(cmd.Context(), o, args[0], strings.Join(args[1:], ""))
		},
	}
	o.register(cmd)
	cmd.Flags().IntVar(&o.count, "count", 1, "send it this many times")
	return cmd
}

func (a *app) runPub(ctx context.Context, o busOptions, subj, body string) error {
	use := busUse{publish, subj}
	nc, data, err := a.busSender(o, use, body)
	if err != nil {
		return err
	}
	defer nc.Close()
	for range o.count {
		if err := nc.Publish(subj, data); err != nil {
			return fmt.Errorf("publish to %s: %w", subj, err)
		}
	}
	if err := nc.settle(ctx, use); err != nil {
		return err
	}
	if *o.json {
		return a.printJSON(struct {
			Subject string `json:"subject"`
			Size    int    `json:"size"`
			Count   int    `json:"count"`
		}{subj, len(data), o.count})
	}
	a.printf("sent %s of %d bytes to %s\n", count(o.count, "message"), len(data), subj)
	return nil
}

// busSender connects as one that may publish, with what it is to send. The
// caller closes the connection.
func (a *app) busSender(o busOptions, use busUse, body string) (*busClient, []byte, error) {
	data, err := a.body(o, body)
	if err != nil {
		return nil, nil, err
	}
	p, err := a.profile()
	if err != nil {
		return nil, nil, err
	}
	nc, err := a.busConnect(p, o, use)
	return nc, data, err
}

// body is what to send: the argument, or the input when that is -.
func (a *app) body(o busOptions, arg string) ([]byte, error) {
	if arg != "-" {
		return []byte(arg), nil
	}
	if o.passwordFile == "-" {
		return nil, &exitError{exitUsage, errors.New("body and password cannot both come from the input"), ""}
	}
	return io.ReadAll(a.In)
}

func newBusReqCmd(a *app, asJSON *bool) *cobra.Command {
	o := busOptions{json: asJSON, timeout: callTimeout}
	cmd := &cobra.Command{
		Use:   "req SUBJECT [BODY]",
		Short: "Send a request and print the answer",
		Example: `  clawdbot bus req clawdbot.main.in.cli '{"text":"/health"}'
  clawdbot bus req '$SRV.PING' --count 8`,
		Args: takes("SUBJECT", "[BODY]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.count < 1 {
				return usage(cmd, "--count: %d is no number of messages", o.count)
			}
			return a.runReq(cmd.Context(), o, args[0], strings.Join(args[1:], ""))
		},
	}
	o.register(cmd)
	cmd.Flags().IntVar(&o.count, "count", 1, "wait for this many answers")
	addTimeout(cmd.Flags(), &o.timeout, "how long to wait for them")
	return cmd
}

func (a *app) runReq(ctx context.Context, o busOptions, subj, body string) error {
	use := busUse{publish, subj}
	nc, data, err := a.busSender(o, use, body)
	if err != nil {
		return err
	}
	defer nc.Close()
	inbox := nc.NewRespInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", inbox, err)
	}
	if err := nc.PublishRequest(subj, inbox, data); err != nil {
		return fmt.Errorf("request %s: %w", subj, err)
	}
	if err := nc.settle(ctx, use); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	for n := range o.count {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrNoResponders):
			return &exitError{exitFailed, fmt.Errorf("nobody answers on %s", subj), nc.profile.Command("bus req '$SRV.INFO'")}
		case errors.Is(err, context.DeadlineExceeded):
			return &exitError{exitFailed, fmt.Errorf("%d of %s came from %s within %s", n, count(o.count, "answer"), subj, o.timeout), ""}
		case err != nil:
			return nc.lost(err)
		}
		if err := a.printAnswer(m, *o.json); err != nil {
			return err
		}
	}
	return nil
}

// printAnswer prints the body of an answer; one that says an error is one.
func (a *app) printAnswer(m *nats.Msg, asJSON bool) error {
	if code := m.Header.Get(micro.ErrorCodeHeader); code != "" {
		return &exitError{exitFailed, fmt.Errorf("%s: %s", code, printable(m.Header.Get(micro.ErrorHeader))), ""}
	}
	if asJSON {
		return a.printLine(m)
	}
	a.printf("%s\n", a.pretty(m.Data))
	return nil
}

// printMessage prints subject, size and body, on a line or whole.
func (a *app) printMessage(m *nats.Msg, o subOptions) error {
	if *o.json {
		return a.printLine(m)
	}
	pen := a.pen(a.Out)
	head := fmt.Sprintf("%s %s %s", pen.dim(time.Now().Format("15:04:05.000")), pen.bold(printable(m.Subject)), pen.dim(count(len(m.Data), "byte")))
	if !o.pretty {
		line := head + " " + oneLiner(m.Data)
		if isTerminal(a.Out) {
			line = ansi.Truncate(line, a.width(), "…")
		}
		a.printf("%s\n", strings.TrimRight(line, " "))
		return nil
	}
	a.printf("%s\n", head)
	if len(m.Data) > 0 {
		a.printf("%s\n", a.pretty(m.Data))
	}
	return nil
}

// busLine is a message as one line of JSON. Data is the body when that is
// JSON, else its text.
type busLine struct {
	Subject string              `json:"subject"`
	Reply   string              `json:"reply,omitempty"`
	Headers map[string][]string `json:"headers,omitempty"`
	Size    int                 `json:"size"`
	Data    any                 `json:"data"`
}

func (a *app) printLine(m *nats.Msg) error {
	line := busLine{m.Subject, m.Reply, m.Header, len(m.Data), string(m.Data)}
	if json.Valid(m.Data) {
		line.Data = json.RawMessage(m.Data)
	}
	e := json.NewEncoder(a.Out)
	e.SetEscapeHTML(false)
	return e.Encode(line)
}
