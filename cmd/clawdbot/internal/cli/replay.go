package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile"
	"clawdbot/profile/tape"
)

type replayOptions struct {
	speed   float64 // 0 means without a pause
	subject string
	dryRun  bool
	force   bool
	json    bool
}

func newReplayCmd(a *app) *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:     "replay FILE",
		Short:   "Send the messages of a recording to another profile",
		GroupID: groupWork,
		Long: `replay reads a file that record export --bodies wrote, and sends its messages to
the bus of the chosen profile, in their order and with the pauses between them.
The profile in the subjects is replaced.

Some kinds are sent only when --subject names them: replies to people (out),
which a connector would deliver to a real chat once more, events (event), and
control methods (rpc), which would change the profile. What a gateway says of
itself (health, log, config, rescue, event.incident) is never sent. --dry-run
tells what is left out, and why. Secrets in the recording were hidden, and stay so.`,
		Example: `  clawdbot record export before.jsonl --bodies
  clawdbot --profile scratch replay before.jsonl --speed 10
  clawdbot --profile scratch replay before.jsonl --subject 'in.>' --dry-run`,
		Args: takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.speed < 0 || math.IsNaN(o.speed) || math.IsInf(o.speed, 0) {
				return usage(cmd, "--speed: %g is no speed: 1 is as it was, 10 ten times as fast, 0 without a pause", o.speed)
			}
			return a.failed(a.runReplay(cmd.Context(), o, args[0]), o.json)
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&o.speed, "speed", 1, "how many times as fast as it was; 0 means without a pause")
	flags.StringVar(&o.subject, "subject", "", "only messages on this `SUBJECT` of the recording, as in 'in.>'")
	flags.BoolVar(&o.dryRun, "dry-run", false, "only say what would be sent")
	flags.BoolVar(&o.force, "force", false, "even into the profile that was recorded")
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
	return cmd
}

// replay is a recording on its way to a profile.
type replay struct {
	app     *app
	opts    replayOptions
	profile profile.Profile // where it goes
	file    *os.File
	header  msg.RecordHeader
	pattern string // of what is sent, with the recorded profile; "" for all
	replayed
}

// replayed is replay --json.
type replayed struct {
	From     string         `json:"from"` // profiles on the bus
	To       string         `json:"to"`
	Messages int            `json:"messages"` // that there are to send
	Sent     int            `json:"sent"`
	LeftOut  map[string]int `json:"leftOut"` // by kind
	Why      []leftOut      `json:"why"`     // the same with the reasons
	TookMs   int64          `json:"tookMs"`

	kinds map[string]bool // of what is to be sent
	left  map[leftOut]int // Messages is 0
	first string          // subject
	span  time.Duration
}

// leftOut tells of messages that are not sent.
type leftOut struct {
	Kind     string `json:"kind"`
	Because  string `json:"because"`
	Messages int    `json:"messages"`
}

func (a *app) runReplay(ctx context.Context, o replayOptions, path string) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := &replay{app: a, opts: o, profile: p, file: f}
	if err := r.survey(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if !o.dryRun {
		began := time.Now()
		if err := r.run(ctx); err != nil {
			return err
		}
		r.TookMs = time.Since(began).Milliseconds()
	}
	if o.json {
		return a.printJSON(r.replayed)
	}
	r.print()
	return nil
}

// openRegular opens a file that is one: opening a pipe would wait for its writer.
func openRegular(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", path)
	}
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// survey reads the whole file before anything is sent.
func (r *replay) survey() error {
	r.replayed = replayed{
		To: r.profile.Bus(), LeftOut: map[string]int{}, Why: []leftOut{}, kinds: map[string]bool{}, left: map[leftOut]int{},
	}
	var from, to time.Time
	empty := 0
	err := r.each(func(e tape.Entry, not string) error {
		switch {
		case not != "":
			r.LeftOut[e.Of()]++
			r.left[leftOut{Kind: e.Of(), Because: not}]++
			return nil
		case len(e.Message()) == 0 && e.Size > 0:
			empty++
		}
		if from.IsZero() {
			from, r.first = e.At, r.target(e)
		}
		to = e.At
		r.kinds[e.Of()] = true
		r.Messages++
		return nil
	})
	switch {
	case err != nil:
		return err
	case empty > 0:
		return &exitError{exitFailed, errors.New("it was exported without what people wrote: export it with --bodies"), "clawdbot record export --bodies"}
	case r.From == r.To && !r.opts.force:
		return &exitError{exitFailed, fmt.Errorf("it was recorded from profile %s itself: choose another one with --profile, or --force", r.profile.Name), ""}
	}
	r.span = to.Sub(from)
	for l, n := range r.left {
		r.Why = append(r.Why, leftOut{l.Kind, l.Because, n})
	}
	slices.SortFunc(r.Why, func(x, y leftOut) int {
		return cmp.Or(strings.Compare(x.Kind, y.Kind), strings.Compare(x.Because, y.Because))
	})
	return nil
}

// each calls visit for every message of the file, from its beginning. Not is why
// it is not sent, or "".
func (r *replay) each(visit func(e tape.Entry, not string) error) error {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	header, entries, err := tape.Parse(r.file)
	if err != nil {
		return err
	}
	from, err := subject.New(header.Profile)
	if err != nil {
		return fmt.Errorf("%w: it names no profile", tape.ErrFormat)
	}
	r.header, r.From = header, header.Profile
	if r.pattern, err = tape.Pattern(from, r.opts.subject); err != nil {
		return &exitError{exitUsage, fmt.Errorf("--subject: %w", err), ""}
	}
	for e, err := range entries {
		if err != nil {
			return err
		}
		if e.Gap != "" {
			continue
		}
		if !subject.ValidPattern(e.Subject) || strings.ContainsAny(e.Subject, "*>") {
			return fmt.Errorf("%w: %.80q is no subject of a message", tape.ErrFormat, e.Subject)
		}
		if err := visit(e, r.leaves(e, from)); err != nil {
			return err
		}
	}
	return nil
}

// leaves says why a message of the recorded profile is not sent, or "".
func (r *replay) leaves(e tape.Entry, from subject.Space) string {
	kind := e.Of()
	named := tape.KindOf(r.pattern) == kind // tape.KindOf tells a pattern's as well
	switch {
	case !subject.Overlap(from.All(), e.Subject):
		return "of another profile"
	case r.pattern != "" && !subject.Overlap(r.pattern, e.Subject):
		return "--subject does not name it"
	case e.Cut:
		return "only its beginning was kept"
	case from.EventName(e.Subject) == "incident":
		return "never sent: it would tell of a trouble that is not there"
	}
	why := peril(kind)
	switch {
	case why != "" && !named:
		return why + ": --subject '" + kind + ".>' sends it"
	case why != "", slices.Contains([]string{"in", "node", "browser", "canvas"}, kind):
		return ""
	}
	return "never sent: a gateway says it of itself"
}

// peril is why a kind is sent only when it is asked for, or "".
func peril(kind string) string {
	switch kind {
	case "out":
		return "a connector would send it to a real chat again"
	case "event":
		return "clients and connectors would take it for news"
	case "rpc":
		return "it would change the profile"
	}
	return ""
}

// target is the subject of a message in the profile that it is sent to.
func (r *replay) target(e tape.Entry) string {
	to := strings.TrimSuffix(r.profile.Subjects().All(), ">")
	return to + strings.SplitN(e.Subject, ".", 3)[2]
}

// run sends the messages as a user that is made for it, and taken back.
func (r *replay) run(ctx context.Context) (err error) {
	if r.Messages == 0 {
		return nil
	}
	user := msg.BusUser{Name: "replay-" + strings.ToLower(rand.Text()[:8])}
	for kind := range r.kinds {
		user.Publish = append(user.Publish, r.profile.Subjects().Kind(kind))
	}
	_, grant, err := ask[msg.BusGrant](ctx, r.app, "bus.grant", user)
	if err != nil {
		return err
	}
	defer func() {
		_, _, revoked := ask[json.RawMessage](context.WithoutCancel(ctx), r.app, "bus.revoke", msg.BusRevoke{Name: user.Name})
		err = errors.Join(err, revoked)
	}()
	use := busUse{publish, r.first}
	nc, err := r.app.busConnect(r.profile, busOptions{as: grant.User, password: grant.Password}, use)
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := r.send(ctx, nc); err != nil {
		return err
	}
	return nc.settle(context.WithoutCancel(ctx), use)
}

// send sends until the end of the file or of ctx, which is no error.
func (r *replay) send(ctx context.Context, nc *busClient) error {
	if pause := r.pause(r.span); pause > 2*time.Second {
		fmt.Fprintf(r.app.Err, "clawdbot: %s to profile %s take %s; Ctrl-C ends it\n", count(r.Messages, "message"), r.profile.Name, pause.Round(time.Second))
	}
	began := time.Now()
	var first time.Time
	wait := time.NewTimer(0)
	defer wait.Stop()
	err := r.each(func(e tape.Entry, not string) error {
		if not != "" {
			return nil
		}
		if first.IsZero() {
			first = e.At
		}
		wait.Reset(time.Until(began.Add(r.pause(e.At.Sub(first)))))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-nc.ended:
			return nc.lost(nc.LastError())
		case <-wait.C:
		}
		r.Sent++
		return nc.Publish(r.target(e), e.Message())
	})
	if err != nil && ctx.Err() != nil {
		return nil
	}
	return err
}

// pause is how long a time of the recording takes now.
func (r *replay) pause(d time.Duration) time.Duration {
	if r.opts.speed == 0 {
		return 0
	}
	return time.Duration(float64(d) / r.opts.speed)
}

func (r *replay) print() {
	what, n := "sent", r.Sent
	if r.opts.dryRun {
		what, n = "would send", r.Messages
	}
	of := ""
	if n < r.Messages {
		of = fmt.Sprintf(" of %d", r.Messages)
	}
	r.app.printf("%s %s%s from %s to %s", what, count(n, "message"), of, printable(r.From), r.To)
	if !r.opts.dryRun {
		r.app.printf(" in %s", (time.Duration(r.TookMs) * time.Millisecond).Round(10*time.Millisecond))
	}
	r.app.printf("\n")
	pen := r.app.pen(r.app.Out)
	for _, l := range r.Why {
		r.app.wrapped(pen.dim("left out: "), fmt.Sprintf("%d of %s, %s", l.Messages, printable(dash(l.Kind)), l.Because))
	}
}
