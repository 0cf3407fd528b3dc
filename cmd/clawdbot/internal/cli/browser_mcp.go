package cli

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/cmd/clawdbot/internal/browsermcp"
)

// mcpTime bounds a call that a tool makes: waits may take long.
const mcpTime = 150 * time.Second

func browserMCP(a *app, o *browserOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "mcp",
		Short: "Offer the browser to other agents as MCP tools over stdin and stdout",
		Long: `mcp serves browser control as tools of the Model Context Protocol over its
standard streams, until they are closed. Agents that speak MCP start it by
themselves: give them this command. It finds the profile's gateway anew for each
call, so that may restart meanwhile.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			call := func(ctx context.Context, method, path string, in any) ([]byte, error) {
				ctx, cancel := context.WithTimeout(ctx, mcpTime)
				defer cancel()
				client, err := a.browserClient(*o)
				if err != nil {
					return nil, err
				}
				return client.call(ctx, browserCall{method, path, in})
			}
			return browsermcp.Serve(cmd.Context(), a.version, call, io.NopCloser(a.In), unclosed{a.Out})
		},
	}
}

// unclosed is a writer that is not ours to close.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
