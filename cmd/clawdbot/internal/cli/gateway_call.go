package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/gateway/frame"
	"clawdbot/profile/near"
)

// finalTimeout is how long a call waits that does not end with its first answer.
const finalTimeout = 10 * time.Minute

type callOptions struct {
	lookOptions
	params string
	final  bool
}

func newGatewayCallCmd(a *app) *cobra.Command {
	var o callOptions
	cmd := &cobra.Command{
		Use:   "call METHOD",
		Short: "Call any method and print its answer as JSON",
		Long: `call asks for a method as any client does, and prints the payload of the answer.
The params are JSON; @FILE reads them from a file, - from the input.
clawdbot gateway methods lists what there is.`,
		Example: `  clawdbot gateway call health
  clawdbot gateway call logs.tail --params '{"limit": 5}'
  clawdbot gateway call agent --expect-final --params @run.json`,
		Args: takes("METHOD"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.final && !cmd.Flags().Changed("timeout") {
				o.timeout = finalTimeout
			}
			params, err := a.params(o.params)
			if err != nil {
				return usage(cmd, "--params: %w", err)
			}
			return a.talk(cmd.Context(), o.lookOptions, func(ctx context.Context, c *conn) error {
				return a.runCall(ctx, c, call{args[0], params}, o.final)
			})
		},
	}
	o.register(a, cmd)
	cmd.Flags().StringVar(&o.params, "params", "", "the params as `JSON`, @FILE or -")
	cmd.Flags().BoolVar(&o.final, "expect-final", false, "wait for the second answer of a method that has two")
	return cmd
}

// maxParams bounds params in bytes, far above what a gateway takes.
const maxParams = 16 << 20

// params reads a JSON object, written on the command line, in a file or in the
// input. None are nil.
func (a *app) params(text string) (any, error) {
	var body []byte
	var err error
	switch path, isFile := strings.CutPrefix(text, "@"); {
	case text == "":
		return nil, nil
	case text == "-":
		body, err = io.ReadAll(io.LimitReader(a.In, maxParams))
	case isFile:
		body, err = os.ReadFile(path)
	default:
		body = []byte(text)
	}
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return nil, fmt.Errorf("not a JSON object: %w", notObject(err))
	}
	return json.RawMessage(body), nil
}

// notObject says what is wrong with JSON that is no object.
func notObject(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return errors.New("it is null")
	case errors.As(err, &kind):
		return fmt.Errorf("it is of the kind %s", kind.Value)
	}
	return err
}

func (a *app) runCall(ctx context.Context, c *conn, q call, final bool) error {
	ask := c.Call
	if final {
		ask = c.CallFinal
	}
	var payload json.RawMessage
	if err := ask(ctx, q.method, q.params, &payload); err != nil {
		return c.callFailed(q.method, err)
	}
	return a.printJSON(payload)
}

// callFailed tells why a call has no payload: the gateway's own words with the
// code before them.
func (c *conn) callFailed(method string, err error) error {
	var refused *frame.Error
	if !errors.As(err, &refused) {
		return c.explain(err)
	}
	failed := &exitError{exitFailed, fmt.Errorf("%s: %w", refused.Code, refused), ""}
	if strings.HasPrefix(refused.Message, "unknown method") {
		failed.Try = c.command("gateway methods")
		if nearest := near.Name(method, c.Hello().Features.Methods); nearest != "" && !strings.Contains(refused.Message, "did you mean") {
			failed.Err = fmt.Errorf("%w; did you mean %s?", failed.Err, nearest)
		}
	}
	return failed
}
