package bus

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"clawdbot/bus/subject"
)

// ErrGrant says that a grant cannot be given.
var ErrGrant = errors.New("bad grant")

// CheckGrant checks a named user before it is granted. It may only have
// subjects of this profile; what it publishes must not touch health, rescue and
// probe, which belong to the gateway, nor may it listen for what is asked there.
func CheckGrant(sp subject.Space, u User) error {
	if !isName(u.Name) {
		return fmt.Errorf("%w: name %q: use 1 to 63 of a-z, 0-9 and -", ErrGrant, u.Name)
	}
	if slices.Contains([]string{userSvc, userSys, UserDebug, UserIngress}, u.Name) || strings.HasPrefix(u.Name, linkUserPrefix) {
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
		for _, own := range []string{sp.HealthTree(), sp.Kind("rescue"), sp.Kind("probe")} {
			if subject.Overlap(s, own) {
				return fmt.Errorf("%w: to publish %q would reach %s, where only the gateway publishes", ErrGrant, s, own)
			}
		}
	}
	for _, s := range u.Subscribe {
		for _, own := range answeredByGateway(sp) {
			if tree, all := strings.CutSuffix(own, ">"); s == own || all && strings.HasPrefix(s, tree) {
				return fmt.Errorf("%w: only the gateway answers %q", ErrGrant, s)
			}
		}
	}
	return nil
}

// answeredByGateway is what a granted user must not answer, lest it vouch for a
// part that does not work.
func answeredByGateway(sp subject.Space) []string {
	return []string{sp.Ping(), sp.Kind("rescue"), sp.Kind("probe")}
}

func isName(s string) bool {
	bad := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return s != "" && len(s) <= 63 && s[0] != '-' && !strings.ContainsFunc(s, bad)
}
