package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/store"
	"clawdbot/profile/tape"
)

// recordOptions choose a part of a recording.
type recordOptions struct {
	last    time.Duration // 0 means all that is kept
	subject string
	limit   int
	bodies  bool
	json    bool
}

func newRecordCmd(a *app) *cobra.Command {
	return newGroup(&cobra.Command{
		Use:     "record",
		Short:   "The last traffic of the bus, whether the gateway runs or not",
		GroupID: groupLook,
		Long: `record shows what the flight recorder of a gateway kept: the last messages on
its bus, its log lines, events, config changes and beats, 64 MiB and 24 hours at
most. It reads the recording itself, so it works when the gateway is down or
hangs as well. Secrets were hidden when it was recorded; what people wrote is
left out unless --bodies asks for it.`,
		Example: `  clawdbot record show --last 1m
  clawdbot --profile rescue record show --subject 'health.peer.>'
  clawdbot record export before.jsonl --last 10m --bodies`,
	}, newRecordShowCmd(a), newRecordExportCmd(a), newRecordStatsCmd(a))
}

func (o *recordOptions) register(cmd *cobra.Command, last time.Duration) {
	flags := cmd.Flags()
	o.last = last
	flags.Var((*lastFlag)(&o.last), "last", "only what is younger than this, as in 30s or 10m")
	flags.StringVar(&o.subject, "subject", "", "only messages on this `SUBJECT`, as in 'in.>' or 'clawdbot.main.in.cli'")
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
}

// lastFlag is --last. Without a value of its own the help shows no default.
type lastFlag time.Duration

func (l *lastFlag) Type() string { return "duration" }

func (l *lastFlag) String() string {
	if *l == 0 {
		return ""
	}
	return strings.TrimSuffix(time.Duration(*l).String(), "0s")
}

func (l *lastFlag) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no span of time: write it like 30s or 10m", s)
	}
	*l = lastFlag(d)
	return nil
}

var _ pflag.Value = (*lastFlag)(nil)

func newRecordShowCmd(a *app) *cobra.Command {
	var o recordOptions
	cmd := &cobra.Command{
		Use: "show", Short: "Print the messages, one on a line", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit < 0 {
				return usage(cmd, "--limit: %d is no number of messages", o.limit)
			}
			return a.runRecordShow(cmd.Context(), o)
		},
	}
	o.register(cmd, 10*time.Minute)
	cmd.Flags().IntVarP(&o.limit, "limit", "n", 200, "how many of the last messages; 0 means all")
	cmd.Flags().BoolVar(&o.bodies, "bodies", false, "with what people wrote")
	return cmd
}

// recording is a part of what was recorded of a profile.
type recording struct {
	profile profile.Profile
	query   tape.Query
	use     store.RingUse                // of all that is kept
	entries iter.Seq2[tape.Entry, error] // the oldest first
}

// recorded finds what the options choose, and lets a running gateway write what
// it still holds.
func (a *app) recorded(ctx context.Context, o recordOptions) (r recording, err error) {
	if r.profile, err = a.profile(); err != nil {
		return r, err
	}
	if r.query.Subject, err = tape.Pattern(r.profile.Subjects(), o.subject); err != nil {
		return r, &exitError{exitUsage, fmt.Errorf("--subject: %w", err), ""}
	}
	if _, alive, _ := running(r.profile); alive {
		if err := a.call(ctx, r.profile, "record.stats", nil, nil); err != nil {
			a.warn(fmt.Sprintf("the gateway's newest messages may be missing: %v", err))
		}
	}
	if o.last > 0 {
		r.query.Since = time.Now().Add(-o.last)
	}
	r.use, err = tape.Usage(r.profile.StoreDir())
	switch {
	case err != nil:
		return r, err
	case r.use.Files == 0 && !isSetUp(r.profile):
		return r, notSetUp(r.profile, exitConfig)
	case r.use.Files == 0:
		return r, &exitError{exitFailed, fmt.Errorf("nothing is recorded of profile %s: its gateway has not run", r.profile.Name), r.profile.Command("gateway")}
	}
	r.entries = tape.Read(r.profile.StoreDir(), r.query)
	if !o.bodies {
		r.entries = closed(r.entries)
	}
	return r, nil
}

// closed leaves out what people wrote.
func closed(entries iter.Seq2[tape.Entry, error]) iter.Seq2[tape.Entry, error] {
	return func(yield func(tape.Entry, error) bool) {
		for e, err := range entries {
			if !yield(e.Closed(), err) {
				return
			}
		}
	}
}

func (a *app) runRecordShow(ctx context.Context, o recordOptions) error {
	r, err := a.recorded(ctx, o)
	if err != nil {
		return a.failed(err, o.json)
	}
	var last []tape.Entry
	for e, err := range r.entries {
		if err != nil {
			return a.failed(err, o.json)
		}
		if last = append(last, e); o.limit > 0 && len(last) > o.limit {
			last = last[1:]
		}
	}
	enc := json.NewEncoder(a.Out)
	enc.SetEscapeHTML(false)
	for _, e := range last {
		if !o.json {
			a.printEntry(e)
		} else if err := enc.Encode(e); err != nil {
			return err
		}
	}
	if len(last) == 0 && !o.json {
		a.printf("Nothing of that was recorded of profile %s.\n", r.profile.Name)
	}
	return nil
}

// printEntry prints time, subject, size and body on a line.
func (a *app) printEntry(e tape.Entry) {
	pen := a.pen(a.Out)
	line := pen.dim(e.At.Local().Format("01-02 15:04:05.000")) + " "
	if e.Gap != "" {
		line += pen.warn("… " + printable(e.Subject) + ": " + printable(e.Gap))
	} else {
		line += fmt.Sprintf("%s %s %s", pen.bold(printable(e.Subject)), pen.dim(count(e.Size, "byte")), oneLiner(e.Message()))
	}
	if isTerminal(a.Out) {
		line = ansi.Truncate(line, a.width(), "…")
	}
	a.printf("%s\n", strings.TrimRight(line, " "))
}

func newRecordExportCmd(a *app) *cobra.Command {
	var o recordOptions
	cmd := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write the messages to a new file, which replay reads",
		Long: `export writes what was recorded, one JSON object on a line behind a header line,
to a file that only you can read. A file that exists is never overwritten.`,
		Example: `  clawdbot record export before.jsonl --last 10m --bodies
  clawdbot replay before.jsonl --profile scratch`,
		Args: takes("[FILE]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.failed(a.runRecordExport(cmd.Context(), o, strings.Join(args, "")), o.json)
		},
	}
	o.register(cmd, 0)
	cmd.Flags().BoolVar(&o.bodies, "bodies", false, "with what people wrote; replay needs it")
	return cmd
}

// recordExported is record export --json.
type recordExported struct {
	Path     string `json:"path"`
	Messages int    `json:"messages"`
	Bodies   bool   `json:"bodies"`
}

func (a *app) runRecordExport(ctx context.Context, o recordOptions, path string) error {
	r, err := a.recorded(ctx, o)
	if err != nil {
		return err
	}
	from, now := r.query.Since, time.Now()
	if from.Before(r.use.Since) {
		from = r.use.Since
	}
	if path == "" {
		path = fmt.Sprintf("recording-%s-%s.jsonl", r.profile.Name, now.UTC().Format("20060102T150405Z"))
	}
	messages, err := tape.WriteFile(path, msg.RecordHeader{
		Version: a.version, Profile: r.profile.Bus(), From: from.UTC(), To: now.UTC(), Subject: r.query.Subject, Bodies: o.bodies,
	}, r.entries)
	if errors.Is(err, fs.ErrExist) {
		return &exitError{exitFailed, fmt.Errorf("%s exists and is not overwritten: choose another name", path), ""}
	}
	if err != nil {
		return &exitError{exitFailed, fmt.Errorf("the recording is not written: %w", err), ""}
	}
	if o.json {
		return a.printJSON(recordExported{path, messages, o.bodies})
	}
	a.printf("%s: %s of profile %s\n", path, count(messages, "message"), r.profile.Name)
	return nil
}

func newRecordStatsCmd(a *app) *cobra.Command {
	var o recordOptions
	cmd := &cobra.Command{
		Use: "stats", Short: "How much of what was recorded", Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.failed(a.runRecordStats(cmd.Context(), o), o.json)
		},
	}
	o.register(cmd, 0)
	return cmd
}

// recordStats is record stats --json.
type recordStats struct {
	Profile  string                `json:"profile"`
	Since    time.Time             `json:"since"` // of the oldest file
	Files    int                   `json:"files"`
	Bytes    int64                 `json:"bytes"` // of the files
	Gaps     int                   `json:"gaps"`  // notes on what is missing
	Messages int                   `json:"messages"`
	Kinds    map[string]recordKind `json:"kinds"`
}

type recordKind struct {
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"` // of the bodies as they were sent
}

func (a *app) runRecordStats(ctx context.Context, o recordOptions) error {
	r, err := a.recorded(ctx, o)
	if err != nil {
		return err
	}
	st := recordStats{Profile: r.profile.Name, Since: r.use.Since.UTC(), Files: r.use.Files, Bytes: r.use.Bytes, Kinds: map[string]recordKind{}}
	for e, err := range r.entries {
		if err != nil {
			return err
		}
		if e.Gap != "" {
			st.Gaps++
			continue
		}
		k := st.Kinds[e.Of()]
		st.Kinds[e.Of()] = recordKind{k.Messages + 1, k.Bytes + int64(e.Size)}
		st.Messages++
	}
	if o.json {
		return a.printJSON(st)
	}
	pen := a.pen(a.Out)
	a.printf("The recording of profile %s: %s in %s, since %s.\n", pen.bold(st.Profile), count(int(st.Bytes), "byte"), count(st.Files, "file"),
		st.Since.Local().Format("2006-01-02 15:04:05"))
	var t table
	t.row(heads(pen, "KIND", "MESSAGES", "BYTES")...)
	for _, kind := range slices.Sorted(maps.Keys(st.Kinds)) {
		k := st.Kinds[kind]
		t.row(printable(dash(kind)), strconv.Itoa(k.Messages), strconv.FormatInt(k.Bytes, 10))
	}
	t.print(a.Out)
	return nil
}
