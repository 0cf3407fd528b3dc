package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

type rescueOptions struct {
	reason string
	dryRun bool
	json   bool
}

func newRescueCmd(a *app) *cobra.Command {
	var o rescueOptions
	status := func(cmd *cobra.Command, _ []string) error {
		return a.failed(a.runRescueStatus(cmd.Context(), o.json), o.json)
	}
	cmd := newGroupOr(&cobra.Command{
		Use:     "rescue",
		Short:   "What is done about a peer that fails, and repairs by hand",
		GroupID: groupWork,
		Long: `rescue speaks with the gateway that watches: give its profile. It repairs peers
by itself as its policy says; here you see what it would do next, hold it back,
let it go on, or have it done now. No peer's config file is ever changed.`,
		Example: `  clawdbot --profile rescue rescue
  clawdbot --profile rescue rescue repair main --dry-run
  clawdbot --profile rescue rescue policy main restart`,
	}, status,
		&cobra.Command{Use: "status", Short: "Each peer: policy, repairs, holds, and what comes next", Args: takes(), RunE: status},
		newRepairCmd(a, &o), newHoldCmd(a, &o), newResumeCmd(a, &o), newPolicyCmd(a, &o), newDirectiveCmd(a, &o),
	)
	cmd.PersistentFlags().BoolVar(&o.json, "json", false, "print the result as JSON")
	return cmd
}

func newRepairCmd(a *app, o *rescueOptions) *cobra.Command {
	return o.command(a, "repair", &cobra.Command{
		Use: "repair PEER", Short: "Repair a peer that does not serve, now and whatever the policy is",
	})
}

func newHoldCmd(a *app, o *rescueOptions) *cobra.Command {
	cmd := o.command(a, "hold", &cobra.Command{Use: "hold PEER", Short: "Leave a peer alone until resume"})
	o.because(cmd)
	return cmd
}

func newResumeCmd(a *app, o *rescueOptions) *cobra.Command {
	cmd := o.command(a, "resume", &cobra.Command{Use: "resume PEER", Short: "Let repairs of a peer go on, and count them anew"})
	o.because(cmd)
	return cmd
}

// command completes one that gives the gateway an order for one peer.
func (o *rescueOptions) command(a *app, verb string, cmd *cobra.Command) *cobra.Command {
	cmd.Args = takes("PEER")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		order := msg.RescueOrder{Reason: o.reason, DryRun: o.dryRun}
		return a.failed(a.runOrder(cmd.Context(), verb, args[0], order, o.json), o.json)
	}
	cmd.ValidArgsFunction = a.completePeer
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func (o *rescueOptions) because(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.reason, "reason", "", "one sentence for those who look")
}

func (a *app) completePeer(cmd *cobra.Command, args []string, part string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeProfile(cmd, args, part)
}

// directiveOptions say how a peer is to start next time.
type directiveOptions struct {
	generation uint64
	safeMode   bool
	lasts      time.Duration
}

func newDirectiveCmd(a *app, o *rescueOptions) *cobra.Command {
	var d directiveOptions
	cmd := o.command(a, "directive", &cobra.Command{
		Use:   "directive PEER",
		Short: "Say on which generation, or that in safe mode, a peer starts next",
		Long: `directive leaves a signed note beside the peer's state, which its next start
follows once and which expires. It starts nothing: a peer that runs goes on.`,
		Example: `  clawdbot --profile rescue rescue directive main --generation 7 --for 10m
  clawdbot --profile rescue rescue directive main --safe-mode --dry-run`,
	})
	flags := cmd.Flags()
	flags.Uint64Var(&d.generation, "generation", 0, "start on generation `N` of the peer's config")
	flags.BoolVar(&d.safeMode, "safe-mode", false, "start with the bus, health and repair only")
	flags.DurationVar(&d.lasts, "for", 10*time.Minute, "how long it waits for that start, up to 15m")
	o.because(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		order := msg.RescueOrder{Reason: o.reason, DryRun: o.dryRun, ForMs: d.lasts.Milliseconds(), Generation: d.generation}
		switch chosen := flags.Changed("generation"); {
		case chosen == d.safeMode:
			return usage(cmd, "give either --generation N or --safe-mode")
		case chosen && d.generation == 0:
			return usage(cmd, "--generation 0: generations count from 1")
		case d.lasts < time.Second || d.lasts > profile.MaxDirective:
			return usage(cmd, "--for %s: a directive waits up to %s, as in 10m", d.lasts, profile.MaxDirective)
		case d.safeMode:
			order.Action = string(profile.DirectSafeMode)
		default:
			order.Action = string(profile.DirectGeneration)
		}
		return a.failed(a.runOrder(cmd.Context(), "directive", args[0], order, o.json), o.json)
	}
	return cmd
}

// runOrder has the gateway do something about a peer.
func (a *app) runOrder(ctx context.Context, verb, name string, order msg.RescueOrder, asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	peer, err := peerOf(p, name)
	if err != nil {
		return err
	}
	order.Peer = peer.Bus
	var out msg.RescueOutcome
	if err := a.call(ctx, p, "rescue."+verb, order, &out); err != nil {
		return rescueHelp(err, rescueTry(p, peer, order))
	}
	if asJSON {
		return a.printJSON(out)
	}
	a.printOutcome(p, verb, order, out)
	return nil
}

// peerOf is the profile with that name, which has to be another one.
func peerOf(p profile.Profile, name string) (profile.Instance, error) {
	peer, err := findPeer(p, name)
	switch {
	case errors.Is(err, profile.ErrName):
		return peer, err
	case err != nil:
		return peer, unknownPeer(p, name)
	case peer.Is(p):
		return peer, &exitError{exitUsage, fmt.Errorf("profile %s is the one that is asked, and watches only others: give the other one by --profile", p.Name), "clawdbot profiles"}
	}
	return peer, nil
}

// rescueHelp adds to what the gateway refuses where its reasons are.
func rescueHelp(err error, try string) error {
	if !isRefused(err) {
		return err
	}
	return &exitError{exitFailed, plain(err), try}
}

// rescueTry is the command that tells more about a refused order.
func rescueTry(p profile.Profile, peer profile.Instance, order msg.RescueOrder) string {
	if owner, err := profile.Resolve(profile.Flags{Profile: peer.Profile}, p.Env().Bare()); order.Generation != 0 && err == nil {
		return owner.Command("config generations")
	}
	return p.Command("rescue status")
}

// printOutcome tells what is done, or would be, and where the rest is told.
func (a *app) printOutcome(p profile.Profile, verb string, order msg.RescueOrder, out msg.RescueOutcome) {
	pen := a.pen(a.Out)
	does, why := pen.bold(deed(order, out)), printable(out.Action.Why)
	if out.Action.DryRun {
		a.wrapped("would ", does+": "+why)
		return
	}
	a.wrapped(pen.good("● "), does+": "+why)
	a.wrapped("  ", printable(out.Action.Result))
	switch verb {
	case "repair":
		a.printf("%s %s\n", pen.dim("try:"), p.Command("incidents show "+cmp.Or(out.Incident, "last")))
	case "hold":
		a.printf("%s %s\n", pen.dim("try:"), p.Command("rescue resume "+out.Peer))
	}
}

// deed is an action in words.
func deed(order msg.RescueOrder, out msg.RescueOutcome) string {
	switch out.Action.What {
	case "directive":
		if order.Generation != 0 {
			return fmt.Sprintf("start %s on generation %d the next time", out.Peer, order.Generation)
		}
		return "start " + out.Peer + " on a generation that was good"
	case "safe-mode":
		return "start " + out.Peer + " in safe mode"
	case "hold":
		return "hold repairs of " + out.Peer
	case "resume":
		return "let repairs of " + out.Peer + " go on"
	}
	return out.Action.What + " " + out.Peer
}

func (a *app) runRescueStatus(ctx context.Context, asJSON bool) error {
	p, st, err := ask[msg.RescueStatus](ctx, a, "rescue.status", nil)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(st)
	}
	pen := a.pen(a.Out)
	if len(st.Peers) == 0 {
		a.printf("Profile %s watches no peer.\n", p.Name)
		a.printf("%s %s\n", pen.dim("try:"), "clawdbot --profile rescue setup")
		return nil
	}
	for n, peer := range st.Peers {
		if n > 0 {
			a.printf("\n")
		}
		a.printRescuePeer(p, peer)
	}
	return nil
}

// printRescuePeer tells of one peer what this gateway would do about it, and why.
func (a *app) printRescuePeer(p profile.Profile, s msg.PeerStatus) {
	pen := a.pen(a.Out)
	a.wrapped(pen.dot(string(s.Verdict))+" ", fmt.Sprintf("%s is %s", pen.bold(s.Profile), pen.state(string(s.Verdict))))
	field := func(name, text string) {
		if text != "" {
			a.wrapped(pen.dim(fmt.Sprintf("  %-10s ", name)), text)
		}
	}
	policy := s.Policy
	if s.Why != "" {
		policy += ": " + s.Why
	}
	field("policy", policy)
	field("kept by", orNobody(s.Manager))
	field("repairs", fmt.Sprintf("%d in the last 15 min", s.RepairsInWindow))
	if s.Held {
		field("held", pen.warn(printable(s.HeldReason)))
	}
	if s.Maintenance {
		field("upkeep", pen.warn("under maintenance: nobody touches it"))
	}
	field("incident", s.Incident)
	if !s.Held { // which is what comes next
		field("next", printable(s.NextAction))
	}
	field("lease", printable(s.Lease))
	switch {
	case s.Held:
		a.printf("%s %s\n", pen.dim("try:"), p.Command("rescue resume "+s.Profile))
	case s.Incident != "":
		a.printf("%s %s\n", pen.dim("try:"), p.Command("incidents show "+s.Incident))
	}
}

func orNobody(manager string) string {
	switch manager {
	case "":
		return "nobody: it runs in a terminal"
	case "up":
		return "clawdbot up"
	}
	return manager
}

// policies are the words of rescue.policy.
func policies() []string {
	return []string{config.PolicyObserve, config.PolicyRestart, config.PolicyRepair}
}

func newPolicyCmd(a *app, o *rescueOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "policy [PEER] [observe|restart|repair]",
		Short: "What the gateway may do by itself; with a word, set it",
		Long: `policy shows what the gateway may do about each peer by itself:

  observe   watch, and keep records
  restart   start it again as it is
  repair    restart it, then start it on the last good generation, then in safe mode

With one of these words it sets that in the config file, where comments stay:
rescue.policy for all peers, or rescue.policies.<peer> for one.`,
		Example: `  clawdbot --profile rescue rescue policy
  clawdbot --profile rescue rescue policy main restart`,
		Args: takes("[PEER]", "[POLICY]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := len(args)
			switch {
			case n == 0:
				return a.failed(a.runPolicy(cmd.Context(), "", o.json), o.json)
			case n == 1 && slices.Contains(policies(), args[0]):
				return a.failed(a.setPolicy(cmd.Context(), "", args[0], o.json), o.json)
			case n == 1:
				return a.failed(a.runPolicy(cmd.Context(), args[0], o.json), o.json)
			case !slices.Contains(policies(), args[1]):
				return usage(cmd, "%q is no policy: it is observe, restart or repair", args[1])
			}
			return a.failed(a.setPolicy(cmd.Context(), args[0], args[1], o.json), o.json)
		},
	}
}

// setPolicy edits the config: of one peer, or with "" of all that have none of
// their own.
func (a *app) setPolicy(ctx context.Context, name, policy string, asJSON bool) error {
	path := "rescue.policy"
	if name != "" {
		p, err := profile.Resolve(a.flags, a.env) // runConfigEdit tells what was ignored
		if err != nil {
			return err
		}
		peer, err := peerOf(p, name)
		if err != nil {
			return err
		}
		path = "rescue.policies." + peer.Profile
	}
	return a.runConfigEdit(ctx, path, asJSON, func(o config.Options) (*config.Loaded, error) {
		return config.Set(o, "", path, asJSON5(policy))
	})
}

// peerPolicy is a row of rescue policy --json.
type peerPolicy struct {
	Peer   string `json:"peer"`
	Policy string `json:"policy"`
	Why    string `json:"why,omitempty"`
}

// runPolicy shows the policy for one peer, or with "" for all.
func (a *app) runPolicy(ctx context.Context, name string, asJSON bool) error {
	p, st, err := ask[msg.RescueStatus](ctx, a, "rescue.status", nil)
	if err != nil {
		return err
	}
	if name != "" {
		peer, err := peerOf(p, name)
		if err != nil {
			return err
		}
		st.Peers = slices.DeleteFunc(st.Peers, func(s msg.PeerStatus) bool { return s.Profile != peer.Bus })
		if len(st.Peers) == 0 {
			return &exitError{exitFailed, fmt.Errorf("profile %s does not watch %s: rescue.peers of its config leaves it out", p.Name, name), p.Command("config get rescue.peers")}
		}
	}
	rows := []peerPolicy{}
	for _, s := range st.Peers {
		rows = append(rows, peerPolicy{s.Profile, s.Policy, s.Why})
	}
	if asJSON {
		return a.printJSON(rows)
	}
	for _, r := range rows {
		a.wrapped(fmt.Sprintf("%s  %-8s ", a.pen(a.Out).bold(r.Peer), r.Policy), a.pen(a.Out).dim(r.Why))
	}
	if len(rows) == 0 {
		a.printf("Profile %s watches no peer.\n", p.Name)
	}
	return nil
}
