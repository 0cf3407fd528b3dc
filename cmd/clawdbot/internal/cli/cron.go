package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
)

func newCronCmd(a *app) *cobra.Command {
	var o lookOptions
	q := msg.CronList{}
	list := a.asking(&cobra.Command{Use: "list", Short: "The jobs, the next to run first", Args: takes()}, &o,
		func(ctx context.Context, c *conn, _ []string) error { return a.runCronList(ctx, c, q, o.json) })
	cmd := newGroupOr(&cobra.Command{
		Use:     "cron",
		Short:   "What the agent is told or does at set times",
		GroupID: groupWork,
		Long:    `A job may be named by its id, the beginning of that, or its name.`,
		Example: `  clawdbot cron add --name standup --cron "0 9 * * 1-5" --message "what is on today?"
  clawdbot cron add --name tea --at 20m --system-event "the tea is ready"
  clawdbot cron runs standup`,
	}, list.RunE, list,
		a.asking(&cobra.Command{Use: "status", Short: "How many jobs there are, and when the next one runs", Args: takes()}, &o, a.runCronStatus(&o)),
		newCronAddCmd(a, &o),
		a.asking(&cobra.Command{Use: "rm JOB", Aliases: []string{"remove"}, Short: "Remove a job", Args: takes("JOB")}, &o, a.runCronRemove(&o)),
		a.asking(&cobra.Command{Use: "enable JOB", Short: "Let a job run", Args: takes("JOB")}, &o, a.runCronEnable(&o, true)),
		a.asking(&cobra.Command{Use: "disable JOB", Short: "Keep a job, and do not run it", Args: takes("JOB")}, &o, a.runCronEnable(&o, false)),
		a.asking(&cobra.Command{Use: "run JOB", Short: "Run a job now", Args: takes("JOB")}, &o, a.runCronRun(&o)),
		a.asking(&cobra.Command{Use: "runs JOB", Short: "How the last runs of a job went", Args: takes("JOB")}, &o, a.runCronRuns(&o)),
	)
	for _, c := range []*cobra.Command{cmd, list} {
		c.Flags().BoolVar(&q.IncludeDisabled, "all", false, "with those that are switched off")
	}
	o.registerIn(a, cmd.PersistentFlags())
	return cmd
}

func (a *app) runCronList(ctx context.Context, c *conn, q msg.CronList, asJSON bool) error {
	var list msg.CronJobs
	if err := c.ask(ctx, "cron.list", q, &list); err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(list)
	}
	if len(list.Jobs) == 0 {
		a.printf("Profile %s has no job.\n", c.name())
		return nil
	}
	pen := a.pen(a.Out)
	t := table{heads(pen, " ", "JOB", "NAME", "WHEN", "NEXT", "LAST", "WHAT")}
	for _, j := range list.Jobs {
		dot, next := pen.good("●"), momentOf(j.State.NextRunAtMs)
		if !j.Enabled {
			dot, next = pen.dim("●"), "off"
		}
		if j.State.LastStatus == msg.CronError {
			dot = pen.bad("●")
		}
		t.row(dot, shortID(j.ID), printable(j.Name), printable(scheduleLine(j.Schedule)), next, dash(j.State.LastStatus),
			pen.dim(printable(oneLine(j.Payload.Text+j.Payload.Message))))
	}
	t.printFitted(a)
	return nil
}

// scheduleLine is when a job runs, in short.
func scheduleLine(s msg.CronSchedule) string {
	switch s.Kind {
	case msg.CronAt:
		if s.At != "" {
			return "at " + s.At
		}
		return "at " + momentOf(s.AtMs)
	case msg.CronEvery:
		return "every " + span(time.Duration(s.EveryMs)*time.Millisecond)
	}
	return strings.TrimSpace(s.Expr + " " + s.TZ)
}

// span is a duration without the parts that are zero.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// momentOf is clock for a time that may not be there.
func momentOf(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return clock(ms)
}

func (a *app) runCronStatus(o *lookOptions) answering {
	return func(ctx context.Context, c *conn, _ []string) error {
		var s msg.CronStatus
		if err := c.ask(ctx, "cron.status", nil, &s); err != nil {
			return err
		}
		if o.json {
			return a.printJSON(s)
		}
		line := count(s.Jobs, "job")
		if !s.Enabled {
			line += ", cron is switched off"
		} else if s.NextWakeAtMs != nil {
			line += ", the next runs at " + clock(*s.NextWakeAtMs)
		}
		a.printf("Profile %s has %s.\n", c.name(), line)
		return nil
	}
}

// job finds a job by what a person calls it.
func (c *conn) job(ctx context.Context, given string) (string, error) {
	var list msg.CronJobs
	if err := c.ask(ctx, "cron.list", msg.CronList{IncludeDisabled: true}, &list); err != nil {
		return "", err
	}
	var names []named
	for _, j := range list.Jobs {
		names = append(names, named{j.ID, j.Name})
	}
	return pickOne("job", given, names)
}
