package cli

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"clawdbot/profile"
)

func newGatewayDiscoverCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "discover",
		Short: "The gateways that can be found: those of this host",
		Long: `discover lists the gateways of this host, from its registry, and asks each whether
it is ready. It looks no further: these gateways do not announce themselves on
the network (mDNS), so one on another host is reached by --url or gateway.remote.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.failed(a.runDiscover(cmd.Context(), asJSON), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// discoverReport is gateway discover --json.
type discoverReport struct {
	Sources []string     `json:"sources"` // where was looked
	Count   int          `json:"count"`
	Beacons []discovered `json:"beacons"`
}

// discovered is a gateway that runs.
type discovered struct {
	Profile string `json:"profile"`
	URL     string `json:"wsUrl"`
	Port    int    `json:"gatewayPort"`
	TLS     string `json:"gatewayTlsFingerprintSha256,omitempty"`
	Version string `json:"version"`
	PID     int    `json:"pid"`
	condition
}

func (a *app) runDiscover(ctx context.Context, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	known, err := p.Registry.List()
	if err != nil && known == nil {
		return err
	}
	known = slices.DeleteFunc(known, func(i profile.Instance) bool { return !i.Alive() })
	r := discoverReport{Sources: []string{"registry"}, Count: len(known), Beacons: make([]discovered, len(known))}
	var wg sync.WaitGroup
	for n, i := range known {
		wg.Go(func() {
			r.Beacons[n] = discovered{
				Profile: i.Profile, URL: instanceURL(i), Port: i.Ports.Gateway, TLS: i.TLS, Version: i.Version, PID: i.Process.PID,
				condition: probe(ctx, i),
			}
		})
	}
	wg.Wait()
	if err != nil {
		a.warn(err.Error())
	}
	if asJSON {
		return a.printJSON(r)
	}
	a.printDiscovered(r)
	return nil
}

func (a *app) printDiscovered(r discoverReport) {
	pen := a.pen(a.Out)
	if r.Count == 0 {
		a.printf("No gateway runs on this host.\n")
	} else {
		t := table{heads(pen, " ", "PROFILE", "STATE", "URL", "VERSION", "PID")}
		for _, b := range r.Beacons {
			t.row(pen.dot(string(b.Verdict)), b.Profile, pen.state(string(b.Verdict)), b.URL, b.Version, fmt.Sprint(b.PID))
		}
		t.printFitted(a)
	}
	a.wrapped("", pen.dim("Only this host was looked at: gateways do not announce themselves on the network. Reach another host's by --url, or set gateway.remote."))
}
