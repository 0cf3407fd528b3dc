package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/near"
	"clawdbot/profile/store"
)

type incidentsOptions struct {
	peer  string
	limit int
	json  bool
}

func newIncidentsCmd(a *app) *cobra.Command {
	var o incidentsOptions
	list := func(cmd *cobra.Command, _ []string) error {
		if o.limit < 0 {
			return usage(cmd, "--limit: %d is no number of incidents", o.limit)
		}
		return a.failed(a.runIncidents(cmd.Context(), o), o.json)
	}
	cmd := &cobra.Command{
		Use:     "incidents",
		Short:   "What went wrong with the peers of a gateway, and what it did",
		GroupID: groupLook,
		Long: `A gateway that sees a peer fail keeps a record: who saw what, how the process
ended, what its config and its log said, what was done, and how long it took.
The record is the observer's, so ask the profile that watches. When its gateway
does not run, the records are read from its store.`,
		Example: `  clawdbot --profile rescue incidents
  clawdbot --profile rescue incidents show last
  clawdbot --profile rescue incidents watch`,
	}
	listCmd := &cobra.Command{Use: "list", Short: "A row for each, the newest first", Args: takes(), RunE: list}
	cmd.PersistentFlags().BoolVar(&o.json, "json", false, "print the result as JSON")
	for _, c := range []*cobra.Command{cmd, listCmd} {
		o.filter(c)
		a.reach.registerTimed(c.Flags())
		c.Flags().IntVarP(&o.limit, "limit", "n", 20, "how many of the newest; 0 means all")
	}
	return newGroupOr(cmd, list, listCmd, newIncidentsShowCmd(a, &o), newIncidentsWatchCmd(a, &o))
}

func (o *incidentsOptions) filter(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.peer, "peer", "", "only those of the profile `PEER`")
}

// incidentsReport is incidents list --json.
type incidentsReport struct {
	Profile   string         `json:"profile"` // whose records they are
	Source    string         `json:"source"`  // gateway, or store when that does not answer
	Incidents []msg.Incident `json:"incidents"`
}

func (a *app) runIncidents(ctx context.Context, o incidentsOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	r := incidentsReport{Profile: p.Name, Source: "gateway"}
	peer := busName(p, o.peer)
	var answer msg.IncidentsList
	err = a.call(ctx, p, "incidents.list", msg.IncidentsQuery{Peer: peer, Limit: o.limit}, &answer)
	if r.Incidents = answer.Incidents; err != nil {
		r.Source = "store"
		if r.Incidents, err = a.incidentsFromStore(p, err); err != nil {
			return err
		}
		r.Incidents = newest(r.Incidents, peer, o.limit)
	}
	if len(r.Incidents) == 0 && o.peer != "" {
		if _, err := findPeer(p, o.peer); err != nil {
			return unknownPeer(p, o.peer)
		}
	}
	if o.json {
		return a.printJSON(r)
	}
	a.printIncidents(p, r.Incidents)
	return nil
}

// newest are the newest of the list, which begins with them; the peer "" and the limit 0 mean all.
func newest(list []msg.Incident, peer string, limit int) []msg.Incident {
	list = slices.DeleteFunc(list, func(i msg.Incident) bool { return peer != "" && i.Peer != peer })
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return list
}

// busName is how the bus calls a profile of this host. One that is not known is
// what it is called: it may have been here.
func busName(p profile.Profile, name string) string {
	if i, err := findPeer(p, name); err == nil {
		return i.Bus
	}
	return name
}

// unknownPeer is a name that no profile of this host has, nor has on the bus.
func unknownPeer(p profile.Profile, name string) error {
	err := fmt.Errorf("no profile %q is known on this host", name)
	var names []string
	known, _ := p.Known() // nothing to offer is no error
	for _, i := range known {
		names = append(names, i.Profile, i.Bus)
	}
	if nearest := near.Name(name, names); nearest != "" {
		err = fmt.Errorf("%w; did you mean %s?", err, nearest)
	}
	return &exitError{exitFailed, err, "clawdbot profiles"}
}

// incidentsFromStore reads the records of a gateway that did not answer, the
// newest first, and says so. Cause is why it did not; a gateway that refuses has
// answered.
func (a *app) incidentsFromStore(p profile.Profile, cause error) ([]msg.Incident, error) {
	if t, _ := a.target(p); isRefused(cause) || t.elsewhere() || !isSetUp(p) {
		return nil, cause
	}
	list, damage, err := storedIncidents(p)
	if err != nil {
		return nil, fmt.Errorf("%w; its store cannot be read either: %w", cause, err)
	}
	a.progress("%s; this is from its store", oneLine(cause.Error()))
	if damage != nil {
		a.warn(fmt.Sprintf("some may be missing: %v", damage))
	}
	return list, nil
}

// storedIncidents reads the records in a profile's store, the newest first.
// Damage says why some may be missing.
func storedIncidents(p profile.Profile) (list []msg.Incident, damage, err error) {
	damage, err = peek(p, func(s *store.Store) (err error) {
		list, err = incidentsIn(s)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // it never ran
		return []msg.Incident{}, nil, nil
	}
	return list, damage, err
}

// incidentsIn are the records in a store, the newest first.
func incidentsIn(s *store.Store) ([]msg.Incident, error) {
	list := []msg.Incident{}
	for e, err := range store.NewKeyspace[msg.Incident](s, "rescue", "incident").All() {
		if err != nil {
			return list, err
		}
		list = append(list, e.Value)
	}
	slices.SortFunc(list, func(x, y msg.Incident) int { return cmp.Compare(y.ID, x.ID) })
	return list, nil
}

func newIncidentsShowCmd(a *app, o *incidentsOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "All that is known of one; the ID may be cut short, or be last",
		Args:  takes("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.failed(a.runIncident(cmd.Context(), args[0], *o), o.json)
		},
	}
	a.reach.registerTimed(cmd.Flags())
	return cmd
}

func (a *app) runIncident(ctx context.Context, id string, o incidentsOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	var answer msg.IncidentShown
	err = a.call(ctx, p, "incidents.show", msg.IncidentQuery{ID: id}, &answer)
	if isRefused(err) {
		return incidentHelp(p, plain(err))
	}
	if err != nil {
		list, failed := a.incidentsFromStore(p, err)
		if failed == nil {
			answer.Incident, failed = pick(list, id)
		}
		if failed != nil {
			return incidentHelp(p, failed)
		}
	}
	if o.json {
		return a.printJSON(answer.Incident)
	}
	a.printIncident(p, answer.Incident)
	return nil
}

// pick finds an incident as rpc.incidents.show does, in a list that begins with
// the newest.
func pick(list []msg.Incident, id string) (msg.Incident, error) {
	if len(list) == 0 {
		return msg.Incident{}, errors.New("there are no incidents")
	}
	if id == "last" {
		return list[0], nil
	}
	var found []msg.Incident
	for _, i := range list {
		if id != "" && strings.HasPrefix(i.ID, id) {
			found = append(found, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return msg.Incident{}, fmt.Errorf("%d incidents begin with %q: the first is %s", len(found), id, found[len(found)-1].ID)
	}
	return msg.Incident{}, fmt.Errorf("no incident %q; the newest is %s", id, list[0].ID)
}

// incidentHelp adds to an incident that is not there where the others are listed.
func incidentHelp(p profile.Profile, err error) error {
	var chosen *exitError
	if errors.As(err, &chosen) {
		return err
	}
	return &exitError{exitFailed, err, p.Command("incidents")}
}

func newIncidentsWatchCmd(a *app, o *incidentsOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Tell what happens as it happens, until Ctrl-C",
		Long: `watch prints each step of every incident when it is recorded. With --json each
change is one line with the whole record. When the gateway stops, watch says so
and goes on with the next start.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runIncidentsWatch(cmd.Context(), *o) },
	}
	o.filter(cmd)
	return cmd
}

func (a *app) runIncidentsWatch(ctx context.Context, o incidentsOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	subj, err := p.Subjects().Event("incident")
	if err != nil {
		return err
	}
	peer := busName(p, o.peer)
	if _, err := findPeer(p, o.peer); err != nil && o.peer != "" {
		return unknownPeer(p, o.peer)
	}
	told := incidentTeller{app: a, told: map[string]int{}}
	l := listener{app: a, profile: p, opts: subOptions{busOptions: busOptions{json: &o.json}}, use: busUse{subscribe, subj}}
	l.show = func(m *nats.Msg) error {
		var i msg.Incident
		if err := json.Unmarshal(m.Data, &i); err != nil || peer != "" && i.Peer != peer {
			return nil // not for us
		}
		if o.json {
			return json.NewEncoder(a.Out).Encode(i)
		}
		told.tell(i)
		return nil
	}
	return l.run(ctx)
}
