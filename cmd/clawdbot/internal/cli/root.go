// Package cli is the command line, one file per command. A command only
// parses; what it does stands in a run function that takes its options.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/profile"
)

// Streams are a command's input and outputs.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// app is what every command is made with.
type app struct {
	Streams
	env     profile.Env
	version string
	flags   profile.Flags
	reach   reach
	noColor bool
}

// Run runs the command line and returns the process's exit code.
func Run(ctx context.Context, args []string, streams Streams, version string) int {
	a := &app{Streams: streams, version: version}
	var err error
	if a.env, err = profile.OSEnv(); err == nil {
		root := newRoot(a)
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	return a.report(err)
}

// Groups of commands in the help.
const (
	groupStart = "start"
	groupLook  = "look"
	groupWork  = "work"
	groupMore  = "more"
)

func newRoot(a *app) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:   "clawdbot",
		Short: "Gateways that watch each other",
		Long: `clawdbot runs gateways on this host. Each one is a profile with a config,
state, workspace and ports of its own; profiles find each other and watch
each other, so that one can tell, and help, when another one fails.

The first steps:

  clawdbot onboard                   a few questions, then a profile that is ready to run
  clawdbot status                    is it well?
  clawdbot --profile rescue setup    a second profile that watches the first

Without --profile a command speaks of the default profile (~/.clawdbot).`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				a.printf("clawdbot %s\n", a.version)
				return nil
			}
			return helpOrUnknown(cmd, args)
		},

		SilenceErrors: true, SilenceUsage: true, DisableSuggestions: true,
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.StringVar(&a.flags.Profile, "profile", "", "`NAME` of the profile to speak of")
	flags.BoolVar(&a.flags.Dev, "dev", false, "the same as --profile dev")
	flags.BoolVar(&a.noColor, "no-color", false, "plain text, as with NO_COLOR set")
	flags.SortFlags = false
	root.Flags().BoolVarP(&version, "version", "v", false, "version for clawdbot")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if flags.Changed("profile") && a.flags.Profile == "" {
			return usage(cmd, "--profile: the name is empty; without the flag a command speaks of the default profile")
		}
		return nil
	}
	root.AddGroup(
		&cobra.Group{ID: groupStart, Title: "Set up and run:"},
		&cobra.Group{ID: groupLook, Title: "Look:"},
		&cobra.Group{ID: groupWork, Title: "Work with the parts:"},
		&cobra.Group{ID: groupMore, Title: "More:"},
	)
	root.SetHelpCommandGroupID(groupMore)
	root.SetCompletionCommandGroupID(groupMore)
	root.SetUsageFunc(printUsage)
	root.AddCommand(
		newSetupCmd(a), newOnboardCmd(a), newGatewayCmd(a), newUpCmd(a),
		newStatusCmd(a), grouped(groupLook, newHealthCmd(a)), newDoctorCmd(a), newProfilesCmd(a), newPortsCmd(a), newLogsCmd(a),
		newIncidentsCmd(a), newRecordCmd(a), newPostmortemCmd(a), newDashboardCmd(a),
		newAgentCmd(a), newSessionsCmd(a), newCronCmd(a), newSystemCmd(a), newDevicesCmd(a), newNodesCmd(a),
		newConfigCmd(a), newStateCmd(a), newBusCmd(a), newBrowserCmd(a), newCanvasCmd(a),
		newComponentCmd(a), newRescueCmd(a), newMaintenanceCmd(a), newReplayCmd(a), newDrillCmd(a),
		newVersionCmd(a),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		newGroup(completion)
	}
	_ = root.RegisterFlagCompletionFunc("profile", a.completeProfile) // fails only for a flag that is not there
	return root
}

// profile is the profile that the flags and the environment choose. It prints
// what was ignored on the way.
func (a *app) profile() (profile.Profile, error) {
	p, err := profile.Resolve(a.flags, a.env)
	if err != nil {
		return p, err
	}
	a.warn(p.Warnings...)
	return p, nil
}

func (a *app) completeProfile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if p, err := profile.Resolve(profile.Flags{}, a.env.Bare()); err == nil {
		known, _ := p.Known() // nothing to offer is no error
		for _, i := range known {
			names = append(names, i.Profile)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// grouped puts a command of the top level into a group of the help.
func grouped(id string, cmd *cobra.Command) *cobra.Command {
	cmd.GroupID = id
	return cmd
}

// newGroup is a command that only holds others.
func newGroup(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.Args, cmd.RunE = cobra.ArbitraryArgs, helpOrUnknown
	cmd.AddCommand(children...)
	return cmd
}

// newGroupOr is a command that holds others, and does one thing without them.
func newGroupOr(cmd *cobra.Command, run func(*cobra.Command, []string) error, children ...*cobra.Command) *cobra.Command {
	newGroup(cmd, children...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return helpOrUnknown(cmd, args)
		}
		return run(cmd, args)
	}
	return cmd
}

// helpOrUnknown runs a command that only holds others: without a word behind
// it that is a wish for help, with one it is a command that does not exist.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2
	return usage(cmd, "unknown command %q for %q%s", args[0], cmd.CommandPath(), didYouMean(cmd.SuggestionsFor(args[0])))
}

func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return usage(cmd, "%w", err)
	}
	// Cobra finds near names among commands only, so the flags become some.
	flags := cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		flags.AddCommand(&cobra.Command{Use: "--" + f.Name, Run: func(*cobra.Command, []string) {}})
	})
	name := "--" + unknown.GetSpecifiedName()
	return usage(cmd, "unknown flag %s for %q%s", name, cmd.CommandPath(), didYouMean(flags.SuggestionsFor(name)))
}

func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", strings.Join(names, " or "))
}

// takes checks the number of arguments. The names are those of the help; one
// in brackets may be left out.
func takes(names ...string) cobra.PositionalArgs {
	least := 0
	for _, n := range names {
		if !strings.HasPrefix(n, "[") {
			least++
		}
	}
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage(cmd, "%s needs %s", cmd.CommandPath(), strings.Join(names[len(args):least], " and "))
		case len(args) > len(names) && len(names) == 0:
			return usage(cmd, "%s takes no arguments, got %q", cmd.CommandPath(), args[0])
		case len(args) > len(names):
			return usage(cmd, "%s takes %s, got %q as well", cmd.CommandPath(), strings.Join(names, " "), args[len(names)])
		}
		return nil
	}
}
