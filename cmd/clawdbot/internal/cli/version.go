package cli

import (
	"runtime"

	"github.com/spf13/cobra"
)

func newVersionCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "The version of this program",
		GroupID: groupMore,
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
				Exe     string `json:"exe"`
			}{a.version, runtime.Version(), runtime.GOOS, runtime.GOARCH, a.env.Exe}
			if asJSON {
				return a.printJSON(v)
			}
			a.printf("clawdbot %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}
