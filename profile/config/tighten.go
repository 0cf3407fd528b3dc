package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"clawdbot/profile/config/json5"
)

// Tighten makes a config that runs in place of the newest one no weaker than that: who comes in, from
// where, what is allowed, who is told. The fallback is an older config, or the defaults; the newest is
// the one that was refused, failed, or was set aside. Where it can be read it counts, also when it is
// invalid elsewhere. Several are those before it as well, the newest first: each counts for what no
// newer one tells, as they do not hold it or cannot be read there. What none tells stays as it is.
// Tighten returns the config to run, and one sentence for each value that differs from the fallback's.
//
// What the newest one says may be why it failed, so nothing is taken from it that could keep a gateway
// from starting: no address, certificate or account. How two values are combined stands in the security
// tags of the types:
//
//	bind        the fallback's if the newest is not narrower, else loopback
//	auth        password mode if both have it, the newest token and password that are written down
//	credential  the newest that is written down
//	tls         on if either has it on, client certificates checked if either does
//	off         off if either is off
//	union       what either has
//	common      what both have
//	sandbox     Chromium's sandbox wherever either has it
//	remotes     the remotes that both have, with the subjects that cross in both
//	rescue      the lesser policy for each peer, the peers of both, the newest notify
func Tighten(fallback Config, newest ...*Loaded) (Config, []string) {
	all := slices.DeleteFunc(slices.Clone(newest), func(l *Loaded) bool { return l == nil || l.partial == nil })
	tightened := fallback
	for i, l := range slices.Backward(all) {
		said := tightened
		copyOver(reflect.ValueOf(&said).Elem(), reflect.ValueOf(*l.partial), nil, func(path json5.Path) bool {
			return !l.bad(path) && !slices.ContainsFunc(all[:i], func(newer *Loaded) bool { return newer.tells(path) })
		})
		tighten(reflect.ValueOf(&tightened).Elem(), reflect.ValueOf(said))
	}
	var sentences []string
	for _, d := range differences(fallback, tightened) {
		sentences = append(sentences, fmt.Sprintf("%s: %s, so that it is no weaker than the newest config", d.path, d.values()))
	}
	return tightened, sentences
}

// bad says whether the value at a path cannot be read. Of a list or map with bad values the good ones
// can, but rescue.notify is only good as a whole.
func (l *Loaded) bad(path json5.Path) bool {
	at := path.String()
	return slices.ContainsFunc(l.Issues, func(i Issue) bool {
		return under(at, i.Path) || under(i.Path, "rescue.notify") && under(at, "rescue.notify")
	})
}

// tells says whether a config holds a value at a path and all of it can be read.
func (l *Loaded) tells(path json5.Path) bool {
	at := path.String()
	_, held := path.In(l.Tree)
	return held && !l.bad(path) && !slices.ContainsFunc(l.Issues, func(i Issue) bool { return under(i.Path, at) })
}

// under says whether a path is another one, or lies below it. Nothing lies below the empty path: an
// issue that has it is about another file.
func under(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && above != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// copyOver copies the values of over that count over those of v.
func copyOver(v, over reflect.Value, path json5.Path, counts func(json5.Path) bool) {
	switch {
	case v.Kind() == reflect.Struct:
		list, _ := fields(v.Type())
		for _, f := range list {
			copyOver(v.FieldByIndex(f.Index), over.FieldByIndex(f.Index), path.With(json5.Step{Key: f.key}), counts)
		}
	case counts(path):
		v.Set(over)
	}
}

// tighten combines the fields of v with the newest by their security tags.
func tighten(v, newest reflect.Value) {
	list, _ := fields(v.Type())
	for _, f := range list {
		below, said := v.FieldByIndex(f.Index), newest.FieldByIndex(f.Index)
		if rule := f.Tag.Get("security"); rule != "" {
			below.Set(reflect.ValueOf(stricter(rule, below.Interface(), said.Interface())))
		} else if below.Kind() == reflect.Struct {
			tighten(below, said)
		}
	}
}

// stricter combines two values of one type by a rule. It changes neither.
func stricter(rule string, fallback, newest any) any {
	switch old := fallback.(type) {
	case Auth:
		return newestAuth(old, newest.(Auth))
	case TLS:
		return eitherTLS(old, newest.(TLS))
	case Rescue:
		return lesserRescue(old, newest.(Rescue))
	case []BusRemote:
		return commonRemotes(old, newest.([]BusRemote))
	case []HookMapping:
		return commonMappings(old, newest.([]HookMapping))
	case *bool:
		return sandboxed(old, newest.(*bool))
	}
	switch rule {
	case "credential":
		if newest != "" {
			return newest
		}
		return fallback
	case "off":
		if reflect.ValueOf(newest).IsZero() {
			return newest
		}
		return fallback
	case "bind":
		return narrower(fallback.(string), newest.(string))
	case "union":
		return union(fallback.([]string), newest.([]string))
	case "common":
		return common(fallback.([]string), newest.([]string))
	}
	panic("config: no security rule " + rule)
}

// narrower is a bind that no more can reach than either, and that every host has.
func narrower(old, newest string) string {
	widths := []string{"loopback", "tailnet", "auto", "lan"}
	if slices.Index(widths, newest) < slices.Index(widths, old) {
		return "loopback"
	}
	return old
}

// newestAuth opens to no more credentials than the newest. A gateway takes the
// token in both modes, so without a password it still has one.
func newestAuth(old, newest Auth) Auth {
	auth := Auth{Mode: old.Mode, Token: cmp.Or(newest.Token, old.Token), Password: cmp.Or(newest.Password, old.Password)}
	if newest.Mode == "token" {
		auth.Mode = "token"
	}
	return auth
}

// eitherTLS keeps the fallback's certificate; without one it makes its own.
func eitherTLS(old, newest TLS) TLS {
	tls := old
	tls.Enabled = old.Enabled || newest.Enabled
	tls.CAPath = cmp.Or(newest.CAPath, old.CAPath)
	if tls.Enabled && tls.CertPath == "" {
		tls.AutoGenerate = true
	}
	return tls
}

// sandboxed is the one that starts Chromium without its sandbox in fewer cases;
// nil does so for root only.
func sandboxed(a, b *bool) *bool {
	for _, v := range []*bool{a, b} {
		if v != nil && !*v {
			return v
		}
	}
	if a == nil {
		return a
	}
	return b
}

// union is what either list has.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, s := range b {
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// common is what both lists have.
func common(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

// commonRemotes are the remotes that both have, but for the subjects.
func commonRemotes(old, newest []BusRemote) []BusRemote {
	both := old[:0:0]
	for _, kept := range old {
		i := slices.IndexFunc(newest, func(b BusRemote) bool { return b.Name == kept.Name })
		if i < 0 {
			continue
		}
		other := newest[i]
		kept.Subjects = commonSubjects(kept.Subjects, other.Subjects)
		if other.Subjects = kept.Subjects; reflect.DeepEqual(kept, other) {
			both = append(both, kept)
		}
	}
	return both
}

// commonSubjects is what crosses to a remote in both; nil stands for the default.
func commonSubjects(a, b []string) []string {
	if a == nil && b == nil {
		return nil
	}
	expand := func(list []string) []string {
		if list == nil {
			return []string{"health", "event", "in"} // see BusRemote.Subjects
		}
		return list
	}
	return append([]string{}, common(expand(a), expand(b))...)
}

// lesserRescue may do no more to any peer than either, and tells whom the newest tells.
func lesserRescue(old, newest Rescue) Rescue {
	r := Rescue{Policy: lesserPolicy(old.Policy, newest.Policy), Peers: old.Peers, Notify: newest.Notify}
	if newest.Peers != nil {
		r.Peers = newest.Peers
		if old.Peers != nil {
			r.Peers = common(old.Peers, newest.Peers)
		}
	}
	policies := map[string]string{}
	for _, peers := range []map[string]string{old.Policies, newest.Policies} {
		for peer := range peers {
			if word := cmp.Or(lesserPolicy(old.wordFor(peer), newest.wordFor(peer)), r.Policy); word != "" {
				policies[peer] = word
			}
		}
	}
	if len(policies) > 0 {
		r.Policies = policies
	}
	return r
}

// lesserPolicy is the most that neither policy forbids, whether the peer is
// managed or not.
func lesserPolicy(a, b string) string {
	power := func(policy string, managed bool) int {
		return slices.Index([]string{PolicyObserve, PolicyRestart, PolicyRepair}, resolved(policy, managed))
	}
	for _, policy := range []string{PolicyRepair, "", PolicyRestart} {
		if within := func(other string) bool {
			return power(policy, true) <= power(other, true) && power(policy, false) <= power(other, false)
		}; within(a) && within(b) {
			return policy
		}
	}
	return PolicyObserve
}
