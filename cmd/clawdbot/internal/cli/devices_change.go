package cli

import (
	"context"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

// device finds a paired device by what a person calls it.
func (c *conn) device(ctx context.Context, given string) (string, error) {
	var list msg.DevicePairings
	if err := c.ask(ctx, "device.pair.list", nil, &list); err != nil {
		return "", err
	}
	var names []named
	for _, d := range list.Paired {
		names = append(names, named{d.DeviceID, d.DisplayName})
	}
	return pickOne("paired device", given, names)
}

func newDeviceRemoveCmd(a *app, o *lookOptions) *cobra.Command {
	return a.asking(&cobra.Command{
		Use: "remove DEVICE", Short: "Forget a device, and end its connections", Args: takes("DEVICE"),
	}, o, func(ctx context.Context, c *conn, args []string) error {
		id, err := c.device(ctx, args[0])
		if err != nil {
			return err
		}
		var answer msg.DeviceKey
		if err := c.ask(ctx, "device.pair.remove", msg.DeviceKey{DeviceID: id}, &answer); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(answer)
		}
		a.printf("Device %s is forgotten.\n", shortID(id))
		return nil
	})
}

func newDeviceRotateCmd(a *app, o *lookOptions) *cobra.Command {
	var q msg.DeviceTokenRotate
	cmd := a.asking(&cobra.Command{
		Use: "rotate DEVICE", Short: "Give a device another token", Args: takes("DEVICE"),
		Long: `rotate makes the device's token worthless and prints a new one, this once. Whatever
was connected by the old one is disconnected.`,
	}, o, func(ctx context.Context, c *conn, args []string) (err error) {
		if q.DeviceID, err = c.device(ctx, args[0]); err != nil {
			return err
		}
		var answer msg.DeviceTokenRotated
		if err := c.ask(ctx, "device.token.rotate", q, &answer); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(answer)
		}
		a.printf("%s\n", printable(answer.Token))
		a.progress("this is the %s token of device %s, shown this once", answer.Role, shortID(q.DeviceID))
		return nil
	})
	addRole(cmd, &q.Role)
	cmd.Flags().StringSliceVar(&q.Scopes, "scope", nil, "what the token may do; by default what the old one may")
	return cmd
}

func newDeviceRevokeCmd(a *app, o *lookOptions) *cobra.Command {
	var q msg.DeviceTokenRevoke
	cmd := a.asking(&cobra.Command{
		Use: "revoke DEVICE", Short: "Take a device's token away, and end its connections", Args: takes("DEVICE"),
	}, o, func(ctx context.Context, c *conn, args []string) (err error) {
		if q.DeviceID, err = c.device(ctx, args[0]); err != nil {
			return err
		}
		var answer msg.DeviceTokenRevoked
		if err := c.ask(ctx, "device.token.revoke", q, &answer); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(answer)
		}
		a.printf("Device %s has no %s token any more.\n", shortID(q.DeviceID), answer.Role)
		return nil
	})
	addRole(cmd, &q.Role)
	return cmd
}

// addRole adds --role to a command about a device's token.
func addRole(cmd *cobra.Command, role *string) {
	cmd.Flags().StringVar(role, "role", "operator", "the role whose token it is: operator or node")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if *role != "operator" && *role != "node" {
			return usage(cmd, "--role: %q is none of operator, node", *role)
		}
		return nil
	}
}
