package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus"
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

What a gateway says of itself (health, log, config, rescue) is left out, and
control methods (rpc) are sent only when --subject names them: they would change
the profile. Secrets in the recording were hidden, and stay so.`,
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
	header  tape.Header
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
	TookMs   int64          `json:"tookMs"`

	kinds map[string]bool // of what is to be sent
	first string          // subject
	span  time.Duration
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
	r.replayed = replayed{To: r.profile.Bus(), LeftOut: map[string]int{}, kinds: map[string]bool{}}
	var from, to time.Time
	empty := 0
	err := r.each(func(e tape.Entry, send bool) error {
		switch {
		case !send:
			r.LeftOut[e.Of()]++
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
	return nil
}

// each calls visit for every message of the file, from its beginning.
func (r *replay) each(visit func(e tape.Entry, send bool) error) error {
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
		if err := visit(e, r.sends(e, from)); err != nil {
			return err
		}
	}
	return nil
}

// sends says whether a message of the recorded profile is sent.
func (r *replay) sends(e tape.Entry, from subject.Space) bool {
	if e.Cut || !subject.Overlap(from.All(), e.Subject) || r.pattern != "" && !subject.Overlap(r.pattern, e.Subject) {
		return false
	}
	switch e.Of() {
	case "in", "out", "event", "node", "browser", "canvas":
		return true
	case "rpc": // tape.KindOf tells a pattern's as well
		return tape.KindOf(r.pattern) == "rpc"
	}
	return false
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
	user := bus.User{Name: "replay-" + strings.ToLower(rand.Text()[:8])}
	for kind := range r.kinds {
		user.Publish = append(user.Publish, r.profile.Subjects().Kind(kind))
	}
	_, grant, err := ask[msg.BusGrant](ctx, r.app, "bus.grant", user)
	if err != nil {
		return err
	}
	defer func() {
		_, _, revoked := ask[json.RawMessage](context.WithoutCancel(ctx), r.app, "bus.revoke", bus.User{Name: user.Name})
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
	err := r.each(func(e tape.Entry, send bool) error {
		if !send {
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
	r.app.printf("%s %s%s from %s to %s", what, count(n, "message"), of, r.From, r.To)
	if !r.opts.dryRun {
		r.app.printf(" in %s", (time.Duration(r.TookMs) * time.Millisecond).Round(10*time.Millisecond))
	}
	r.app.printf("\n")
	var left []string
	for _, kind := range slices.Sorted(maps.Keys(r.LeftOut)) {
		left = append(left, fmt.Sprintf("%d of %s", r.LeftOut[kind], dash(kind)))
	}
	if len(left) > 0 {
		r.app.printf("%s %s\n", r.app.pen(r.app.Out).dim("left out:"), strings.Join(left, ", "))
	}
}
