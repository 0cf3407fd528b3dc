package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"clawdbot/bus"
	"clawdbot/profile"
	"clawdbot/profile/near"
	"clawdbot/profile/service"
)

func newProfilesRemoveCmd(a *app, asJSON *bool) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Forget a profile; its files stay",
		Long: `remove takes a profile off this host's list: its registry entry, the keys of its
links, its context of the NATS tools and its service. The others stop watching
it. State folder and workspace stay, and are named with the command that
removes them. A gateway that runs is refused.`,
		Example: `  clawdbot profiles remove third`,
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runRemove(cmd.Context(), args[0], yes, *asJSON)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask first")
	return cmd
}

// removal is profiles remove --json.
type removal struct {
	Profile string   `json:"profile"`
	Removed []string `json:"removed"`
	Left    []string `json:"left"` // folders and files that a person may remove
}

func (a *app) runRemove(ctx context.Context, name string, yes, asJSON bool) error {
	p, err := profile.Resolve(profile.Flags{Profile: name}, a.env.Bare())
	if err != nil {
		return err
	}
	known, err := p.Known()
	if err != nil {
		return err
	}
	n := slices.IndexFunc(known, func(i profile.Instance) bool { return i.Profile == name })
	if n < 0 {
		return unknownProfile(name, known)
	}
	i := known[n]
	if i.Alive() {
		return &exitError{exitFailed, fmt.Errorf("the gateway of profile %s runs (pid %d)", name, i.Process.PID), p.Command("gateway stop")}
	}
	if !yes {
		if err := a.confirm(fmt.Sprintf("Remove profile %s? Its files stay.", name), "clawdbot profiles remove "+name+" --yes"); err != nil {
			return err
		}
	}
	done := removal{Profile: name, Removed: []string{}, Left: left(i)}
	if err := a.remove(ctx, p, i, known, &done); err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(done)
	}
	a.printRemoval(done)
	return nil
}

func unknownProfile(name string, known []profile.Instance) error {
	names := make([]string, len(known))
	for n, i := range known {
		names[n] = i.Profile
	}
	hint := ""
	if nearest := near.Name(name, names); nearest != "" {
		hint = fmt.Sprintf("; did you mean %s?", nearest)
	}
	return &exitError{exitFailed, fmt.Errorf("there is no profile %s on this host%s", name, hint), "clawdbot profiles"}
}

// confirm asks a person, who has to say yes. Without a terminal it names the
// command that does not ask.
func (a *app) confirm(question, without string) error {
	if !isTerminal(a.In) {
		return &exitError{exitUsage, errors.New("this asks first, and the input is no terminal"), without}
	}
	fmt.Fprintf(a.Err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(a.In).ReadString('\n') // the end of the input is a no
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &exitError{exitFailed, errors.New("nothing was changed"), ""}
}

// left are the places of the profile that stay.
func left(i profile.Instance) []string {
	found := []string{}
	for _, path := range []string{i.StateDir, i.Workspace} {
		if _, err := os.Stat(path); err == nil {
			found = append(found, path)
		}
	}
	return found
}

// remove takes away what belongs to the host rather than to the profile. What
// another profile has as well, as main has the bus name of the unnamed one, stays.
func (a *app) remove(ctx context.Context, p profile.Profile, i profile.Instance, known []profile.Instance, done *removal) error {
	host, err := a.serviceHost()
	if err != nil {
		return err
	}
	change, err := host.Uninstall(ctx, i.Profile, false)
	if err != nil && !errors.Is(err, service.ErrNoManager) {
		return a.serviceHelp(p, err)
	}
	if change.Action == service.Removed {
		done.Removed = append(done.Removed, "unit "+change.Unit)
	}
	switch err := p.Registry.Remove(i.Profile); {
	case err == nil:
		done.Removed = append(done.Removed, "registry entry")
	case !errors.Is(err, profile.ErrNotRegistered):
		return err
	}
	for _, other := range known {
		if other.Profile != i.Profile && other.Bus == i.Bus && !other.Gone() {
			return mendContext(p, other)
		}
	}
	if err := p.Registry.RemovePairs(i.Bus); err != nil {
		return err
	}
	done.Removed = append(done.Removed, "link keys", "NATS context "+bus.ContextName(i.Bus))
	return bus.RemoveContext(p.NATSDir(), i.Bus)
}

// mendContext points the context of the NATS tools to the profile that keeps
// the name on the bus.
func mendContext(p profile.Profile, keeper profile.Instance) error {
	owner, err := profile.Resolve(profile.Flags{Profile: keeper.Profile}, p.Env())
	if err != nil || !keeper.Is(owner) { // its paths were set by hand; its next start writes the context
		return err
	}
	c, err := natsContextOf(owner)
	if err != nil || c.wrong() == "" {
		return err
	}
	return c.write(owner)
}

func (a *app) printRemoval(done removal) {
	if len(done.Removed) == 0 {
		a.printf("Profile %s is nothing but its files.\n", a.pen(a.Out).bold(done.Profile))
	} else {
		a.printf("Profile %s is removed: %s.\n", a.pen(a.Out).bold(done.Profile), strings.Join(done.Removed, ", "))
	}
	if len(done.Left) == 0 {
		return
	}
	words := make([]string, len(done.Left))
	for n, path := range done.Left {
		if words[n] = shellWord(path); words[n] == path { // quoted, a ~ would be no home folder
			words[n] = a.short(path)
		}
	}
	a.printf("Its files stay. To remove them: rm -rf %s\n", strings.Join(words, " "))
}
