// Command clawdbot runs gateways that watch each other, and talks to them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"clawdbot/cmd/clawdbot/internal/cli"
)

// version is the product's; a build may set another: -ldflags "-X main.version=1.2.3".
var version = "0.1.0"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin, stdout, stderr *os.File) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Run(ctx, args, cli.Streams{In: stdin, Out: stdout, Err: stderr}, version)
}
