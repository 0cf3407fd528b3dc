package postmortem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/gateway/rescue/patient"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/store"
	"clawdbot/profile/tape"
)

// How much of each source is kept.
const (
	keepIncidents = 20
	keepLines     = 200
	keepBeats     = 40
	keepMessages  = 300
	keepDump      = 1 << 20 // bytes
)

// windows are how far back the recording is searched, until there is something:
// a gateway may be dead for long.
var windows = [...]time.Duration{10 * time.Minute, time.Hour, 48 * time.Hour}

// incidents are those that the asking profile's gateway keeps.
func (c *collector) incidents(context.Context) error {
	s, look, err := peek(c.cfg.Own)
	if err != nil {
		return err
	}
	c.report.Incidents, err = readIncidents(s, c.cfg.Peer.Bus)
	return errors.Join(look.Damage, err, s.Close())
}

func peek(p profile.Profile) (*store.Store, store.Look, error) {
	s, look, err := store.Peek(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir()})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("profile %s has no store yet", p.Name)
	}
	return s, look, err
}

// readIncidents returns those of a peer, or of all with "", the newest first.
func readIncidents(s *store.Store, peer string) ([]msg.Incident, error) {
	list := []msg.Incident{}
	for e, err := range store.NewKeyspace[msg.Incident](s, "rescue", "incident").All() {
		if err != nil {
			return list, err
		}
		if peer == "" || e.Value.Peer == peer {
			list = append(list, e.Value)
		}
	}
	slices.Reverse(list) // their ids sort by time
	return list[:min(keepIncidents, len(list))], nil
}

// store reads all that the peer's store has to tell.
func (c *collector) store(ctx context.Context) error {
	s, look, err := c.openStore(ctx)
	if err != nil {
		return err
	}
	found := Store{
		From:        look.From,
		Checkpoints: entries(c.owner.CheckpointDir(), "", ""),
		Quarantined: entries(c.owner.StateDir, filepath.Base(c.owner.StoreDir())+".corrupt-", "Z"),
	}
	report, err := s.Verify(ctx)
	switch {
	case look.Damage != nil:
		found.Damage = look.Damage.Error()
	case errors.Is(err, store.ErrCorrupt):
		found.Damage, err = err.Error(), nil
	case err == nil:
		found.Report = &report
	}
	c.report.Store = &found
	seen, seenErr := readIncidents(s, "")
	c.report.Seen = seen
	return errors.Join(err, seenErr, c.readGenerations(s), c.readGrants(s), s.Close())
}

// entries are the paths in a folder whose names begin and end in this way; a
// folder that cannot be read has none.
func entries(dir, begin, end string) []string {
	found := []string{}
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		if strings.HasPrefix(e.Name(), begin) && strings.HasSuffix(e.Name(), end) {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	return found
}

// openStore opens a copy of a live store, made for this, else the store as it lies there.
func (c *collector) openStore(ctx context.Context) (*store.Store, store.Look, error) {
	if c.cfg.Checkpoint != nil {
		dir, err := c.cfg.Checkpoint(ctx, c.owner)
		if err == nil {
			s, look, err := store.Peek(store.Config{Dir: filepath.Join(dir, store.CheckpointStore)})
			return s, look, err
		}
		c.missing(checkpointSource, err)
	}
	return peek(c.owner)
}

func (c *collector) readGenerations(s *store.Store) error {
	list, err := config.NewGenerations(s).List()
	state, _ := patient.Compare(c.owner, list)
	c.report.Config = &state
	for _, g := range slices.Backward(list) {
		c.report.Generations = append(c.report.Generations, Generation{g.N, g.Time, g.Source, g.Verdict, g.Reason, g.Hash})
	}
	return err
}

// readGrants learns the passwords of the bus's named users, so that none is shown.
func (c *collector) readGrants(s *store.Store) error {
	for e, err := range store.NewKeyspace[struct{ Password string }](s, "bus", "grant").All() {
		if err != nil {
			return err
		}
		c.secrets = append(c.secrets, e.Value.Password)
	}
	return nil
}

// config looks at the file alone when there was no store to compare it with.
func (c *collector) config(context.Context) error {
	if c.report.Config == nil {
		state, _ := patient.Compare(c.owner, nil)
		c.report.Config = &state
	}
	return nil
}

// traffic takes the newest of what the recorder kept. The gateway's own beats are
// listed apart, those of others not at all.
func (c *collector) traffic(ctx context.Context) error {
	for _, w := range windows {
		err := c.readTape(ctx, tape.Query{Since: c.report.Made.Add(-w)})
		if err != nil || len(c.report.Traffic)+len(c.report.Beats) > 0 {
			return err
		}
	}
	return errors.New("nothing was recorded")
}

func (c *collector) readTape(ctx context.Context, q tape.Query) error {
	var beat msg.Beat
	for e, err := range tape.Read(c.owner.StoreDir(), q) {
		switch err := errors.Join(err, ctx.Err()); {
		case err != nil:
			return err
		case e.Subject == c.owner.Subjects().Beat():
			beat = nextBeat(beat, e.Body)
			c.report.Beats = last(append(c.report.Beats, Beat{e.At, beat}), keepBeats)
		case subject.BeatOf(e.Subject) == "":
			e = e.Closed()
			e.Raw = nil // what is no JSON
			c.report.Traffic = last(append(c.report.Traffic, e), keepMessages)
		}
	}
	return nil
}

// nextBeat reads a recorded beat. One that says the same as the one before was
// kept without what it says.
func nextBeat(before msg.Beat, body []byte) msg.Beat {
	var beat msg.Beat
	if err := json.Unmarshal(body, &beat); err != nil || beat.Boot != "" {
		return beat
	}
	before.Seq, before.MonoMs = beat.Seq, beat.MonoMs
	return before
}

func last[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

func (c *collector) log(context.Context) error {
	lines, err := patient.Tail(patient.LogFile(c.owner), keepLines)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("profile %s has no log yet", c.owner.Name)
	}
	c.report.Log = append(c.report.Log, lines...)
	return err
}

func (c *collector) ports(context.Context) error {
	for _, l := range c.cfg.Peer.Ports.Listeners() {
		info, err := c.cfg.Own.ExplainPort(l.Port)
		if err != nil {
			return err
		}
		c.report.Ports = append(c.report.Ports, info)
	}
	if len(c.report.Ports) == 0 {
		return errors.New("the registry knows none")
	}
	return nil
}

func (c *collector) versions(context.Context) error {
	c.report.Versions = Versions{Gateway: c.cfg.Peer.Version, Exe: c.cfg.Peer.Exe, Here: c.cfg.Version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	return nil
}

// goroutines reads the newest crash output.
func (c *collector) goroutines(context.Context) error {
	path, at, ok := profile.LatestCrash(c.cfg.Peer.StateDir)
	if !ok {
		return errors.New("no crash left a dump")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, keepDump))
	c.report.Goroutines = &Goroutines{Path: path, At: at, Text: string(text)}
	return err
}
