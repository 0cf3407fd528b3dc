package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

func newDevicesCmd(a *app) *cobra.Command {
	var o lookOptions
	waiting := pairing{"device", waitingDevices}
	list := a.asking(&cobra.Command{Use: "list", Short: "The devices that wait, and those that are paired", Args: takes()}, &o, a.runDevices(&o))
	cmd := newGroupOr(&cobra.Command{
		Use:     "devices",
		Short:   "Which devices may connect, and which ask to",
		GroupID: groupWork,
		Long: `A device that connects through a proxy or from the network waits until someone
approves it; from then on it has a token of its own. A device and a request may be
named by the beginning of the id.`,
		Example: `  clawdbot devices
  clawdbot devices approve --latest
  clawdbot devices revoke 3f9c`,
	}, list.RunE, list,
		newDecideCmd(a, &o, waiting, "approve"), newDecideCmd(a, &o, waiting, "reject"),
		newDeviceRemoveCmd(a, &o), newDeviceRotateCmd(a, &o), newDeviceRevokeCmd(a, &o),
	)
	o.registerIn(a, cmd.PersistentFlags())
	return cmd
}

func (a *app) runDevices(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, _ []string) error {
		var list msg.DevicePairings
		if err := c.ask(ctx, "device.pair.list", nil, &list); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(list)
		}
		a.printDevices(c, list)
		return nil
	}
}

func (a *app) printDevices(c *conn, list msg.DevicePairings) {
	pen := a.pen(a.Out)
	if len(list.Pending)+len(list.Paired) == 0 {
		a.printf("Profile %s knows no device, and none waits.\n", c.name())
		return
	}
	if len(list.Pending) > 0 {
		t := table{heads(pen, " ", "REQUEST", "DEVICE", "NAME", "FROM", "WANTS", "WAITS")}
		for _, r := range list.Pending {
			t.row(pen.warn("●"), shortID(r.RequestID), shortID(r.DeviceID), dash(printable(deviceName(r.DisplayName, r.ClientID))), dash(printable(r.RemoteIP)),
				printable(wants(r.Role, r.Scopes)), waits(r.TS))
		}
		t.printFitted(a)
		a.printf("%s %s\n", pen.dim("try:"), c.command("devices approve "+shortID(list.Pending[0].RequestID)))
		if len(list.Paired) > 0 {
			a.printf("\n")
		}
	}
	if len(list.Paired) == 0 {
		return
	}
	t := table{heads(pen, " ", "DEVICE", "NAME", "PLATFORM", "FROM", "MAY", "TOKENS", "PAIRED")}
	for _, d := range list.Paired {
		t.row(pen.good("●"), shortID(d.DeviceID), dash(printable(deviceName(d.DisplayName, d.ClientID))), dash(printable(d.Platform)), dash(printable(d.RemoteIP)),
			printable(wants(strings.Join(d.Roles, ","), d.Scopes)), dash(tokenList(d.Tokens)), clock(d.ApprovedAtMs))
	}
	t.printFitted(a)
}

// waits is how long ago a request came.
func waits(ts int64) string { return duration(max(0, time.Now().UnixMilli()-ts)) }

func deviceName(display, client string) string {
	if display != "" {
		return display
	}
	return client
}

// wants is a role with its scopes in short.
func wants(role string, scopes []string) string {
	short := make([]string, len(scopes))
	for i, s := range scopes {
		short[i] = strings.TrimPrefix(s, "operator.")
	}
	return strings.TrimSuffix(role+":"+strings.Join(short, ","), ":")
}

// tokenList names the roles that have a token.
func tokenList(tokens []msg.DeviceToken) string {
	var roles []string
	for _, t := range tokens {
		if t.RevokedAtMs != 0 {
			roles = append(roles, t.Role+" revoked")
		} else {
			roles = append(roles, t.Role)
		}
	}
	return strings.Join(roles, ", ")
}
