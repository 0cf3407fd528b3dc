package bus

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"clawdbot/bus/subject"
)

// ErrGrant says that a grant cannot be given.
var ErrGrant = errors.New("bad grant")

// CheckGrant checks a named user before it is granted. It may only have
// subjects of this profile, and not those that others answer for: health and
// rescue belong to the gateways, and a reserved name to its owner.
func CheckGrant(sp subject.Space, u User) error {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`).MatchString(u.Name) {
		return fmt.Errorf("%w: name %q: use 1 to 63 of a-z, 0-9 and -", ErrGrant, u.Name)
	}
	if slices.Contains([]string{"svc", "sys", UserDebug, UserIngress}, u.Name) || strings.HasPrefix(u.Name, "link-") {
		return fmt.Errorf("%w: %q is a name of the gateway's own", ErrGrant, u.Name)
	}
	if len(u.Publish)+len(u.Subscribe) == 0 {
		return fmt.Errorf("%w: %s would have no subject; give --publish or --subscribe", ErrGrant, u.Name)
	}
	within := strings.TrimSuffix(sp.All(), ">")
	for _, s := range slices.Concat(u.Publish, u.Subscribe) {
		if !strings.HasPrefix(s, within) || !subject.ValidPattern(s) {
			return fmt.Errorf("%w: subject %q must lie under %s", ErrGrant, s, sp.All())
		}
	}
	for _, s := range u.Publish {
		for _, kind := range []string{"health", "rescue"} {
			if subject.Overlap(s, sp.Kind(kind)) {
				return fmt.Errorf("%w: nobody else may publish %s", ErrGrant, sp.Kind(kind))
			}
		}
	}
	return nil
}
