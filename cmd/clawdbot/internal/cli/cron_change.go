package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

// cronFlags are the flags of cron add as a person gives them.
type cronFlags struct {
	at, every, expr, tz  string
	systemEvent, message string
	wake                 string
	disabled             bool
}

func newCronAddCmd(a *app, o *lookOptions) *cobra.Command {
	var f cronFlags
	q := msg.CronAdd{}
	var agent string
	cmd := &cobra.Command{
		Use:   "add",
		Short: "Make a job",
		Long: `add makes a job that runs once (--at), again and again (--every) or by a cron
expression (--cron). With --system-event the main session is told the text; with
--message the agent answers it in a session of the job's own.`,
		Args: takes(),
	}
	flags := cmd.Flags()
	flags.StringVar(&q.Name, "name", "", "what people call the job")
	flags.StringVar(&q.Description, "description", "", "more about it")
	flags.StringVar(&f.at, "at", "", "run once at this time: 2026-01-31T18:00:00+01:00, or in 20m")
	flags.StringVar(&f.every, "every", "", "run again and again, as in 30m or 24h")
	flags.StringVar(&f.expr, "cron", "", "run by an expression: minute hour day month weekday")
	flags.StringVar(&f.tz, "tz", "", "the time zone of --cron, as in Europe/Vienna")
	flags.StringVar(&f.systemEvent, "system-event", "", "what the main session is told")
	flags.StringVar(&f.message, "message", "", "what the agent is asked")
	flags.StringVar(&f.wake, "wake", "next-heartbeat", "when the main session hears of it: now or next-heartbeat")
	flags.StringVar(&agent, "agent", "", "the `ID` of the agent; by default the default one")
	flags.BoolVar(&q.DeleteAfterRun, "delete-after-run", false, "remove the job when a run went well")
	flags.BoolVar(&f.disabled, "disabled", false, "do not run it yet")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.fill(&q, time.Now()); err != nil {
			return usage(cmd, "%w", err)
		}
		if agent != "" {
			q.AgentID = &agent
		}
		return a.talk(cmd.Context(), *o, func(ctx context.Context, c *conn) error {
			var job msg.CronJob
			if err := c.ask(ctx, "cron.add", q, &job); err != nil {
				return err
			}
			if o.json {
				return a.printJSON(job)
			}
			a.printf("Job %s is made: %s, next at %s.\n", shortID(job.ID), printable(scheduleLine(job.Schedule)), momentOf(job.State.NextRunAtMs))
			return nil
		})
	}
	return cmd
}

// fill makes the params of what the flags say, or tells what is missing.
func (f cronFlags) fill(q *msg.CronAdd, now time.Time) (err error) {
	if q.Name == "" {
		return errors.New("--name is needed: what people call the job")
	}
	if q.Schedule, err = f.schedule(now); err != nil {
		return err
	}
	switch {
	case (f.systemEvent == "") == (f.message == ""):
		return errors.New("give one of --system-event and --message: what the job does")
	case f.systemEvent != "":
		q.SessionTarget, q.Payload = "main", msg.CronPayload{Kind: msg.CronSystemEvent, Text: f.systemEvent}
	default:
		q.SessionTarget, q.Payload = "isolated", msg.CronPayload{Kind: msg.CronAgentTurn, Message: f.message}
	}
	if q.WakeMode = f.wake; f.wake != "now" && f.wake != "next-heartbeat" {
		return fmt.Errorf("--wake: %q is none of now, next-heartbeat", f.wake)
	}
	enabled := !f.disabled
	q.Enabled = &enabled
	return nil
}

func (f cronFlags) schedule(now time.Time) (msg.CronSchedule, error) {
	given := 0
	for _, v := range []string{f.at, f.every, f.expr} {
		if v != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return msg.CronSchedule{}, errors.New("give one of --at, --every and --cron: when the job runs")
	case f.expr != "":
		return msg.CronSchedule{Kind: msg.CronExpr, Expr: f.expr, TZ: f.tz}, nil
	case f.tz != "":
		return msg.CronSchedule{}, errors.New("--tz belongs to --cron")
	case f.every != "":
		d, err := time.ParseDuration(f.every)
		if err != nil || d < time.Second {
			return msg.CronSchedule{}, fmt.Errorf("--every: %q is no time of a second or more: write it like 30m or 24h", f.every)
		}
		return msg.CronSchedule{Kind: msg.CronEvery, EveryMs: d.Milliseconds()}, nil
	}
	if d, err := time.ParseDuration(f.at); err == nil && d > 0 {
		return msg.CronSchedule{Kind: msg.CronAt, AtMs: now.Add(d).UnixMilli()}, nil
	}
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return msg.CronSchedule{}, fmt.Errorf("--at: %q is no time: write it like 2026-01-31T18:00:00+01:00 or 20m", f.at)
	}
	return msg.CronSchedule{Kind: msg.CronAt, AtMs: at.UnixMilli()}, nil
}

func (a *app) runCronRemove(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, args []string) error {
		id, err := c.job(ctx, args[0])
		if err != nil {
			return err
		}
		var answer msg.CronRemoved
		if err := c.ask(ctx, "cron.remove", msg.CronRemove{ID: id}, &answer); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(answer)
		}
		a.printf("Job %s is removed.\n", shortID(id))
		return nil
	}
}

func (a *app) runCronEnable(o *lookOptions, enabled bool) answering {
	return func(ctx context.Context, c *conn, args []string) error {
		id, err := c.job(ctx, args[0])
		if err != nil {
			return err
		}
		var job msg.CronJob
		if err := c.ask(ctx, "cron.update", msg.CronUpdate{ID: id, Patch: msg.CronPatch{Enabled: &enabled}}, &job); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(job)
		}
		a.printf("Job %s is %s.\n", shortID(id), onOff(job.Enabled))
		return nil
	}
}

func (a *app) runCronRun(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, args []string) error {
		id, err := c.job(ctx, args[0])
		if err != nil {
			return err
		}
		var answer msg.CronRan
		if err := c.ask(ctx, "cron.run", msg.CronRun{ID: id, Mode: "force"}, &answer); err != nil {
			return err
		}
		switch {
		case o.json:
			return a.printJSON(answer)
		case !answer.Ran:
			return &exitError{exitTryAgain, fmt.Errorf("job %s did not run: %s", shortID(id), answer.Reason), ""}
		}
		a.printf("Job %s runs.\n", shortID(id))
		return nil
	}
}

func (a *app) runCronRuns(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, args []string) error {
		id, err := c.job(ctx, args[0])
		if err != nil {
			return err
		}
		var h msg.CronHistory
		if err := c.ask(ctx, "cron.runs", msg.CronRuns{ID: id}, &h); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(h)
		}
		if len(h.Entries) == 0 {
			a.printf("Job %s has not run yet.\n", shortID(id))
			return nil
		}
		pen := a.pen(a.Out)
		t := table{heads(pen, "WHEN", "RESULT", "TOOK", "WHAT")}
		for _, e := range h.Entries {
			what := e.Summary
			if e.Error != "" {
				what = e.Error
			}
			t.row(momentOf(e.RunAtMs), cronResult(pen, e.Status), elapsed(e.DurationMs), pen.dim(printable(oneLine(what))))
		}
		t.printFitted(a)
		return nil
	}
}

// cronResult colours how a run went.
func cronResult(p pen, status string) string {
	if status == msg.CronError {
		return p.bad(status)
	}
	return p.state(status)
}
