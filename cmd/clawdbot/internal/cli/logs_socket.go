package cli

import (
	"context"
	"errors"
	"os"
	"time"

	"clawdbot/bus/msg"
)

// pollEvery is how often a gateway is asked for what is new in its log.
const pollEvery = 250 * time.Millisecond

// maxTail is the most lines that a gateway tells at once.
const maxTail = 5000

// socketLog prints the log that a gateway tells.
type socketLog struct {
	conn    *conn
	print   logPrinter
	timeout time.Duration // of one question
	cursor  int64         // bytes into the file, where the last answer ended
	file    string
}

// logsBySocket asks the gateway for the end of its log, and for what is new if
// that is asked for. When the profile's own gateway ends, its file is followed
// instead.
func (a *app) logsBySocket(ctx context.Context, t target, printer logPrinter) error {
	l := socketLog{print: printer, timeout: printer.opts.timeout}
	err := l.open(ctx, t)
	if err == nil {
		defer l.conn.Close()
		err = l.run(ctx)
	}
	var gone *exitError
	if t.own && errors.As(err, &gone) && gone.Code == exitUnreachable && ctx.Err() == nil {
		if l.file == "" {
			return a.logsFromFile(ctx, t.profile, printer)
		}
		a.progress("the gateway of profile %s is gone; this follows its file", t.profile.Name)
		return a.followFrom(ctx, l.file, l.cursor, printer)
	}
	return err
}

func (l *socketLog) open(ctx context.Context, t target) (err error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	l.conn, err = t.dial(ctx)
	return err
}

func (l *socketLog) run(ctx context.Context) error {
	tail, err := l.ask(ctx, msg.LogQuery{Limit: l.reach()})
	if err != nil {
		return err
	}
	l.end(tail.Lines)
	if !l.print.opts.follow {
		return nil
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		tail, err := l.ask(ctx, msg.LogQuery{Cursor: l.cursor, Limit: maxTail})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if tail.Truncated {
			l.print.app.progress("lines were left out: there were too many at once")
		}
		for _, line := range tail.Lines {
			l.print.line(line)
		}
	}
}

// reach is how many lines have to be asked for to find those that are severe
// enough.
func (l *socketLog) reach() int {
	if l.print.least > 0 {
		return maxTail
	}
	return min(max(l.print.opts.limit, 1), maxTail)
}

func (l *socketLog) ask(ctx context.Context, q msg.LogQuery) (msg.LogTail, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	var tail msg.LogTail
	if err := l.conn.ask(ctx, "logs.tail", q, &tail); err != nil {
		return tail, err
	}
	l.cursor, l.file = tail.Cursor, tail.File
	return tail, nil
}

// end prints the last lines that are severe enough.
func (l *socketLog) end(lines []string) {
	var last []string
	for _, line := range lines {
		if _, ok := l.print.parse(line); ok {
			last = append(last, line)
		}
	}
	for _, line := range last[max(0, len(last)-l.print.opts.limit):] {
		l.print.line(line)
	}
}

// followFrom follows a file from a place in it on, or from its start when it is
// another one by now.
func (a *app) followFrom(ctx context.Context, path string, at int64, printer logPrinter) error {
	f, err := os.Open(path)
	if err != nil {
		f = nil // it may come
	} else if _, err := f.Seek(at, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	t := &follower{path: path, file: f, print: printer.line}
	return t.run(ctx)
}
