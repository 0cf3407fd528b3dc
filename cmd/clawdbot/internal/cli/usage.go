package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// printUsage is cobra's own usage with fewer lines. It is no template: those call
// methods by name, and so would keep the linker from leaving out any method of
// the program.
func printUsage(cmd *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n  ")
	if cmd.HasAvailableSubCommands() {
		b.WriteString(cmd.CommandPath() + " COMMAND [flags]")
	} else {
		b.WriteString(cmd.UseLine())
	}
	if cmd.HasExample() {
		b.WriteString("\n\nExamples:\n" + cmd.Example)
	}
	for _, g := range cmd.Groups() {
		listCommands(&b, cmd, g.ID, g.Title)
	}
	if !cmd.AllChildCommandsHaveGroup() {
		listCommands(&b, cmd, "", "Commands:")
	}
	if cmd.HasAvailableLocalFlags() {
		listFlags(&b, cmd.LocalFlags(), "Flags:")
	}
	if cmd.HasAvailableInheritedFlags() {
		listFlags(&b, cmd.InheritedFlags(), "Flags of every command:")
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\n\n" + cmd.CommandPath() + " COMMAND --help tells more about one.")
	}
	b.WriteByte('\n')
	_, err := fmt.Fprint(cmd.OutOrStderr(), b.String())
	return err
}

// listCommands lists the children of the group.
func listCommands(b *strings.Builder, cmd *cobra.Command, group, title string) {
	b.WriteString("\n\n" + title)
	for _, c := range cmd.Commands() {
		if c.GroupID == group && c.IsAvailableCommand() {
			fmt.Fprintf(b, "\n  %-*s  %s", c.NamePadding(), c.Name(), c.Short)
		}
	}
}

func listFlags(b *strings.Builder, flags *pflag.FlagSet, title string) {
	b.WriteString("\n\n" + title + "\n" + strings.TrimRight(flags.FlagUsages(), " \n"))
}
