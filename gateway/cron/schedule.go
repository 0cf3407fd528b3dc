package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"

	expr "github.com/netresearch/go-cron"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// timetable gives the first due time after a time, both in Unix milliseconds; 0
// when none comes.
type timetable func(after int64) int64

// lastMs is the end of the year 9999, the last that RFC 3339 can spell.
const lastMs = 253402300799999

// maxEveryMs is a leap year.
const maxEveryMs = 366 * 24 * 3600 * 1000

// read checks a schedule and completes it: atMs is set from at, and anchorMs
// where it is missing. What cannot be a schedule is an INVALID_REQUEST that
// names the place.
func read(s *msg.CronSchedule, anchor int64) (timetable, error) {
	switch s.Kind {
	case msg.CronAt:
		return readAt(s)
	case msg.CronEvery:
		return readEvery(s, anchor)
	case msg.CronExpr:
		return readExpr(*s)
	}
	return nil, invalid("schedule.kind: must be at, every or cron (got %.32q)", s.Kind)
}

func readAt(s *msg.CronSchedule) (timetable, error) {
	if s.At != "" {
		t, err := time.Parse(time.RFC3339, s.At)
		if err != nil {
			return nil, invalid("schedule.at: must be a time such as 2026-01-02T15:04:05Z (got %.64q)", s.At)
		}
		s.AtMs = t.UnixMilli()
	}
	if s.AtMs <= 0 || s.AtMs > lastMs {
		return nil, invalid("schedule.atMs: must be a time in milliseconds since 1970, before the year 10000")
	}
	at := s.AtMs
	return func(after int64) int64 {
		if after >= at {
			return 0
		}
		return at
	}, nil
}

func readEvery(s *msg.CronSchedule, anchor int64) (timetable, error) {
	if s.EveryMs < 1000 || s.EveryMs > maxEveryMs {
		return nil, invalid("schedule.everyMs: must be from 1000 (a second) to %d (a year)", int64(maxEveryMs))
	}
	if s.AnchorMs == 0 {
		s.AnchorMs = anchor
	}
	if s.AnchorMs < 0 || s.AnchorMs > lastMs {
		return nil, invalid("schedule.anchorMs: must be a time in milliseconds since 1970, before the year 10000")
	}
	every, first := s.EveryMs, s.AnchorMs
	return func(after int64) int64 {
		if after < first {
			return first
		}
		return first + ((after-first)/every+1)*every
	}, nil
}

func readExpr(s msg.CronSchedule) (timetable, error) {
	zone := time.Local
	if s.TZ != "" {
		var err error
		if zone, err = time.LoadLocation(s.TZ); err != nil {
			return nil, invalid("schedule.tz: %.64q is not a time zone that this host knows; use a name such as Europe/Vienna", s.TZ)
		}
	}
	times, err := parseExpr(s.Expr)
	if err != nil {
		return nil, invalid("schedule.expr: %v", err)
	}
	return func(after int64) int64 {
		next := times.Next(time.UnixMilli(after).In(zone))
		if next.IsZero() || next.UnixMilli() > lastMs {
			return 0
		}
		return next.UnixMilli()
	}, nil
}

// exprParser reads five fields or six, with names, @daily and its like, and the
// extensions L, W and #. Of two restricted day fields either one is enough, as
// in crontab(5).
func exprParser() expr.Parser {
	return expr.MustNewParser(expr.SecondOptional | expr.Minute | expr.Hour | expr.Dom | expr.Month | expr.Dow |
		expr.Descriptor | expr.Extended | expr.DowOrDom).WithMaxSearchYears(searchYears)
}

// searchYears is how far ahead the next time may lie. A leap day is at most eight
// years away, and one on a given weekday forty.
const searchYears = 40

// parseExpr reads a cron expression. The error names the field.
func parseExpr(text string) (expr.Schedule, error) {
	text = strings.TrimSpace(text)
	names := []string{"second", "minute", "hour", "day of month", "month", "day of week"}
	fields := strings.Fields(text)
	switch {
	case text == "":
		return nil, errors.New("missing")
	case strings.HasPrefix(text, "@every"):
		return nil, errors.New(`@every is the schedule {kind: "every", everyMs: …}`)
	case strings.HasPrefix(text, "@"):
		return exprParser().Parse(text)
	case strings.Contains(fields[0], "="):
		return nil, errors.New("a time zone goes into schedule.tz")
	case len(fields) == 5:
		names = names[1:]
	case len(fields) != 6:
		return nil, fmt.Errorf("must have the 5 fields minute, hour, day of month, month, day of week, or 6 with seconds before them (got %d)", len(fields))
	}
	for i, field := range fields {
		if err := parseField(field, i, len(fields)); err != nil {
			return nil, fmt.Errorf("%s: %w", names[i], err)
		}
	}
	return exprParser().Parse(text)
}

// parseField reads one field with all others open, so that an error is its own.
func parseField(field string, at, of int) error {
	for part := range strings.SplitSeq(field, ",") {
		if part == "" {
			return fmt.Errorf("nothing stands beside a comma in %q", field)
		}
	}
	alone := make([]string, of)
	for i := range alone {
		alone[i] = "*"
	}
	alone[at] = field
	_, err := exprParser().Parse(strings.Join(alone, " "))
	return err
}

// passed counts the due times from the first one up to now, to no more than most.
func (t timetable) passed(first, now int64, most int) int {
	n := 0
	for due := first; due != 0 && due <= now && n < most; due = t(due) {
		n++
	}
	return n
}

// after is the first due time after now that has not been run yet: last is the
// one that was run last, which comes again when the clock is set back.
func (t timetable) after(now, last int64) int64 {
	next := t(now)
	if next == last && next != 0 {
		return t(next)
	}
	return next
}

func invalid(format string, args ...any) *bus.Error {
	return bus.Errorf(bus.CodeInvalidRequest, format, args...)
}

// earliest is the smaller of two times where 0 means none.
func earliest(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
