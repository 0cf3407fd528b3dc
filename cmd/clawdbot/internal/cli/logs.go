package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/bus/msg"
	"clawdbot/profile"
)

// logLevels are the words of msg.LogLine.Level, the least severe first.
func logLevels() []string { return []string{"debug", "info", "warn", "error"} }

type logsOptions struct {
	lookOptions
	follow bool
	local  bool
	limit  int
	level  string
}

func newLogsCmd(a *app) *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:     "logs",
		Short:   "The gateway's log, whether it runs or not",
		GroupID: groupLook,
		Long: `logs prints the end of the profile's log file. It reads the file itself, so it
works when the gateway is down as well, which is when it is needed most. With
--follow it asks the gateway for what is new, as long as that runs, and of a
gateway elsewhere (--url, gateway.remote) it always does.`,
		Example: `  clawdbot logs --follow
  clawdbot --profile rescue logs --level warn --limit 20
  clawdbot logs --url wss://host:18789 --follow`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit < 0 {
				return usage(cmd, "--limit: %d is no number of lines", o.limit)
			}
			if !slices.Contains(logLevels(), o.level) {
				return usage(cmd, "--level: %q is none of %s", o.level, strings.Join(logLevels(), ", "))
			}
			if o.local && a.reach.url != "" {
				return usage(cmd, "--local reads a file of this host, --url asks a gateway: give one of the two")
			}
			return a.runLogs(cmd.Context(), o)
		},
	}
	o.register(a, cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&o.follow, "follow", "f", false, "wait for new lines until Ctrl-C")
	flags.IntVarP(&o.limit, "limit", "n", 200, "how many of the last lines")
	flags.StringVar(&o.level, "level", "debug", "leave out what is less severe: debug, info, warn, error")
	flags.BoolVar(&o.local, "local", false, "read the file, also to follow it")
	flags.Lookup("json").Usage = "print each line as JSON"
	return cmd
}

func (a *app) runLogs(ctx context.Context, o logsOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	printer := logPrinter{app: a, opts: o, least: slices.Index(logLevels(), o.level)}
	if !o.local {
		switch t, err := a.target(p); {
		case err != nil && (a.reach.url != "" || t.remote):
			return err
		case t.elsewhere(), err == nil && o.follow:
			return a.logsBySocket(ctx, t, printer)
		}
	}
	return a.logsFromFile(ctx, p, printer)
}

// logsFromFile reads the profile's file, and follows it if that is asked for.
func (a *app) logsFromFile(ctx context.Context, p profile.Profile, printer logPrinter) error {
	path := logFile(p)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !isSetUp(p) {
			return notSetUp(p, exitConfig)
		}
		f, err = nil, nil
		fmt.Fprintf(a.Err, "clawdbot: profile %s has no log yet (%s)\n", p.Name, a.short(path))
	}
	if err != nil {
		return err
	}
	if f != nil {
		if err := printer.tail(f); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if !printer.opts.follow {
		if f == nil {
			return nil
		}
		return f.Close()
	}
	t := &follower{path: path, file: f, print: printer.line}
	return t.run(ctx)
}

// logFile is where the gateway logs; a config that cannot be used does not
// hide the log that says so.
func logFile(p profile.Profile) string {
	if loaded, _ := p.Load(); loaded != nil {
		if path, ok, _ := loaded.Lookup("logging.file"); ok {
			if s, ok := path.(string); ok && s != "" {
				return p.ExpandHome(s)
			}
		}
	}
	return p.LogFile()
}

// logPrinter prints lines of the log file.
type logPrinter struct {
	app   *app
	opts  logsOptions
	least int // index into logLevels
}

// tail prints the last lines that are severe enough, and leaves f behind the
// last whole one.
func (l logPrinter) tail(f *os.File) error {
	var last []string
	var read int64
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		read += int64(len(line))
		if _, ok := l.parse(line); !ok || l.opts.limit == 0 {
			continue
		}
		if len(last) == l.opts.limit {
			last = last[1:]
		}
		last = append(last, line)
	}
	for _, line := range last {
		l.line(line)
	}
	_, err := f.Seek(read, io.SeekStart)
	return err
}

// parse reads a line and says whether it is severe enough. What is no line of
// ours, such as the stack of a crash, always is.
func (l logPrinter) parse(text string) (msg.LogLine, bool) {
	var line msg.LogLine
	if err := json.Unmarshal([]byte(text), &line); err != nil || line.Level == "" {
		return msg.LogLine{Level: "error", Msg: strings.TrimRight(text, "\r\n")}, true
	}
	return line, slices.Index(logLevels(), line.Level) >= l.least
}

func (l logPrinter) line(text string) {
	line, ok := l.parse(text)
	if !ok {
		return
	}
	if l.opts.json {
		body, _ := json.Marshal(line) // strings and what JSON held before always encode
		l.app.printf("%s\n", body)
		return
	}
	l.app.printf("%s\n", l.app.pen(l.app.Out).logLine(line))
}

// logLine is a line of the log for people, without what would steer a terminal.
func (p pen) logLine(line msg.LogLine) string {
	text := printable(strings.ReplaceAll(line.Msg, "\t", "    "))
	if line.Time == "" {
		return text
	}
	when := line.Time
	if t, err := time.Parse(time.RFC3339, line.Time); err == nil {
		when = t.Local().Format("01-02 15:04:05.000")
	}
	var attrs strings.Builder
	for _, key := range slices.Sorted(maps.Keys(line.Attrs)) {
		fmt.Fprintf(&attrs, " %s%s", p.dim(printable(key)+"="), printable(jsonLine(line.Attrs[key])))
	}
	return fmt.Sprintf("%s %s %s %s%s", p.dim(when), p.level(line.Level), p.bold(fmt.Sprintf("%-8s", printable(line.Component))), text, attrs.String())
}

// level colours and pads a level.
func (p pen) level(level string) string {
	padded := fmt.Sprintf("%-5s", level)
	switch level {
	case "error":
		return p.bad(padded)
	case "warn":
		return p.warn(padded)
	case "info":
		return p.good(padded)
	}
	return p.dim(padded)
}
