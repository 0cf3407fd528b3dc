package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"clawdbot/profile"
	"clawdbot/profile/near"
)

// isSetUp says whether the profile has a config.
func isSetUp(p profile.Profile) bool {
	_, err := os.Stat(p.ConfigPath)
	return !errors.Is(err, fs.ErrNotExist)
}

// setUpNames are the other profiles of the host that are set up.
func setUpNames(p profile.Profile) []string {
	var names []string
	known, _ := p.Known() // nothing to offer is no error
	for _, i := range known {
		if i.Profile != p.Name && !i.Gone() {
			names = append(names, i.Profile)
		}
	}
	return names
}

// meant tells which profile a person most likely meant who named one that is not
// set up, as the end of a sentence, with the command that helps.
func meant(p profile.Profile) (hint, try string) {
	others := setUpNames(p)
	if nearest := near.Name(p.Name, others); nearest != "" {
		return fmt.Sprintf("; did you mean %s?", nearest), p.Command("setup")
	}
	if len(others) > 0 && p.Name == profile.Default {
		return fmt.Sprintf("; profiles here: %s; give --profile", strings.Join(others, ", ")), "clawdbot profiles"
	}
	return "", p.Command("setup")
}

// notSetUp is the error of a command that needs a profile that is set up.
func notSetUp(p profile.Profile, code exitCode) error {
	hint, try := meant(p)
	return &exitError{code, fmt.Errorf("profile %s is not set up%s", p.Name, hint), try}
}
