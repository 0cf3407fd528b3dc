package cron

import (
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

func ms(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func rfc(at int64) string {
	if at == 0 {
		return ""
	}
	return time.UnixMilli(at).UTC().Format(time.RFC3339)
}

func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		s     msg.CronSchedule
		after string
		want  string // the next times, "" for none
	}{
		{"at", msg.CronSchedule{Kind: "at", AtMs: 1767366245000}, "2026-01-01T00:00:00Z", "2026-01-02T15:04:05Z"},
		{"at as text", msg.CronSchedule{Kind: "at", At: "2026-01-02T16:04:05+01:00"}, "2026-01-01T00:00:00Z", "2026-01-02T15:04:05Z"},
		{"at that passed", msg.CronSchedule{Kind: "at", AtMs: 1767366245000}, "2026-01-02T15:04:05Z", ""},
		{"every", msg.CronSchedule{Kind: "every", EveryMs: 3600_000}, "2026-01-01T00:30:00Z", "2026-01-01T01:00:00Z 2026-01-01T02:00:00Z"},
		{"every, on its time", msg.CronSchedule{Kind: "every", EveryMs: 3600_000}, "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"},
		{"every, before its anchor", msg.CronSchedule{Kind: "every", EveryMs: 3600_000}, "2025-12-31T00:00:00Z", "2026-01-01T00:00:00Z"},
		{"five fields", msg.CronSchedule{Kind: "cron", Expr: "30 7 * * 1-5", TZ: "UTC"}, "2026-01-02T08:00:00Z", "2026-01-05T07:30:00Z 2026-01-06T07:30:00Z"},
		{"six fields", msg.CronSchedule{Kind: "cron", Expr: "*/20 0 0 * * *", TZ: "UTC"}, "2026-01-02T00:00:10Z", "2026-01-02T00:00:20Z 2026-01-02T00:00:40Z 2026-01-03T00:00:00Z"},
		{"names", msg.CronSchedule{Kind: "cron", Expr: "0 0 1 FEB,mar *", TZ: "UTC"}, "2026-01-02T00:00:00Z", "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z"},
		{"either day field", msg.CronSchedule{Kind: "cron", Expr: "0 0 13 * 5", TZ: "UTC"}, "2026-01-08T00:00:00Z", "2026-01-09T00:00:00Z 2026-01-13T00:00:00Z"},
		{"the last day", msg.CronSchedule{Kind: "cron", Expr: "0 0 L * *", TZ: "UTC"}, "2026-02-02T00:00:00Z", "2026-02-28T00:00:00Z 2026-03-31T00:00:00Z"},
		{"@daily", msg.CronSchedule{Kind: "cron", Expr: " @daily ", TZ: "UTC"}, "2026-02-02T00:00:00Z", "2026-02-03T00:00:00Z"},
		{"a leap day", msg.CronSchedule{Kind: "cron", Expr: "0 0 29 2 *", TZ: "UTC"}, "2026-02-02T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"a leap day beyond a century", msg.CronSchedule{Kind: "cron", Expr: "0 0 29 2 *", TZ: "UTC"}, "2096-03-02T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"summer time begins", msg.CronSchedule{Kind: "cron", Expr: "0 7 * * *", TZ: "Europe/Vienna"}, "2026-03-27T12:00:00Z", "2026-03-28T06:00:00Z 2026-03-29T05:00:00Z"},
		{"summer time ends", msg.CronSchedule{Kind: "cron", Expr: "0 7 * * *", TZ: "Europe/Vienna"}, "2026-10-24T12:00:00Z", "2026-10-25T06:00:00Z"},
		{"never", msg.CronSchedule{Kind: "cron", Expr: "0 0 30 2 *", TZ: "UTC"}, "2026-02-02T00:00:00Z", ""},
	} {
		times, err := read(&tt.s, ms(t, "2026-01-01T00:00:00Z"))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		at := ms(t, tt.after)
		for want := range strings.SplitSeq(tt.want, " ") {
			if at = times(at); rfc(at) != want {
				t.Errorf("%s: %q, want %q", tt.name, rfc(at), want)
			}
		}
	}
}

func TestBadSchedules(t *testing.T) {
	for _, tt := range []struct {
		s    msg.CronSchedule
		want string
	}{
		{msg.CronSchedule{}, "schedule.kind: must be at, every or cron"},
		{msg.CronSchedule{Kind: "at"}, "schedule.atMs: must be a time"},
		{msg.CronSchedule{Kind: "at", AtMs: -1}, "schedule.atMs: must be a time"},
		{msg.CronSchedule{Kind: "at", AtMs: 1 << 60}, "schedule.atMs: must be a time"},
		{msg.CronSchedule{Kind: "at", At: "tomorrow"}, `schedule.at: must be a time such as 2026-01-02T15:04:05Z (got "tomorrow")`},
		{msg.CronSchedule{Kind: "every", EveryMs: 999}, "schedule.everyMs: must be from 1000"},
		{msg.CronSchedule{Kind: "every", EveryMs: 1 << 60}, "schedule.everyMs: must be from 1000"},
		{msg.CronSchedule{Kind: "every", EveryMs: 1000, AnchorMs: 1 << 60}, "schedule.anchorMs"},
		{msg.CronSchedule{Kind: "cron"}, "schedule.expr: missing"},
		{msg.CronSchedule{Kind: "cron", Expr: "* * * *"}, "schedule.expr: must have the 5 fields"},
		{msg.CronSchedule{Kind: "cron", Expr: "* * * * * * *"}, "(got 7)"},
		{msg.CronSchedule{Kind: "cron", Expr: "61 * * * *"}, "schedule.expr: minute: "},
		{msg.CronSchedule{Kind: "cron", Expr: "* 25 * * *"}, "schedule.expr: hour: "},
		{msg.CronSchedule{Kind: "cron", Expr: "* * 32 * *"}, "schedule.expr: day of month: "},
		{msg.CronSchedule{Kind: "cron", Expr: "* * * 13 *"}, "schedule.expr: month: "},
		{msg.CronSchedule{Kind: "cron", Expr: "* * * * MOON"}, "schedule.expr: day of week: "},
		{msg.CronSchedule{Kind: "cron", Expr: "99 * * * * *"}, "schedule.expr: second: "},
		{msg.CronSchedule{Kind: "cron", Expr: "1,,2 * * * *"}, "schedule.expr: minute: nothing stands beside a comma"},
		{msg.CronSchedule{Kind: "cron", Expr: "*/0 * * * *"}, "schedule.expr: minute: "},
		{msg.CronSchedule{Kind: "cron", Expr: "@sometimes"}, "schedule.expr: "},
		{msg.CronSchedule{Kind: "cron", Expr: "@every 5m"}, `schedule.expr: @every is the schedule {kind: "every"`},
		{msg.CronSchedule{Kind: "cron", Expr: "TZ=UTC * * * * *"}, "schedule.expr: a time zone goes into schedule.tz"},
		{msg.CronSchedule{Kind: "cron", Expr: "* * * * *", TZ: "Middle/Earth"}, `schedule.tz: "Middle/Earth" is not a time zone`},
		{msg.CronSchedule{Kind: "cron", Expr: "* * * * *", TZ: "../../etc/passwd"}, "schedule.tz: "},
	} {
		_, err := read(&tt.s, 1)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.s, err, tt.want)
		}
	}
}

// A schedule that is taken gives times that lie ahead, each at once.
func FuzzSchedule(f *testing.F) {
	f.Add("cron", "30 7 * * 1-5", "Europe/Vienna", int64(0), int64(0))
	f.Add("cron", "*/5 0-23/2 L * MON#1,5L", "America/Sao_Paulo", int64(0), int64(0))
	f.Add("cron", "59 59 23 31 12 7", "", int64(0), int64(0))
	f.Add("cron", "@yearly", "Asia/Kathmandu", int64(0), int64(0))
	f.Add("every", "", "", int64(1000), int64(1700000000000))
	f.Add("at", "2026-01-02T15:04:05+14:00", "", int64(0), int64(0))
	f.Fuzz(func(t *testing.T, kind, text, tz string, every, anchor int64) {
		s := msg.CronSchedule{Kind: kind, Expr: text, At: text, TZ: tz, EveryMs: every, AnchorMs: anchor}
		times, err := read(&s, 1700000000000)
		if err != nil {
			if msg := err.Error(); !strings.HasPrefix(msg, "schedule.") || strings.Contains(msg, "\n") && !strings.Contains(text+tz+kind, "\n") {
				t.Errorf("error %q", msg)
			}
			return
		}
		began, at := time.Now(), int64(1767225600000)
		for range 3 {
			next := times(at)
			if next != 0 && next <= at {
				t.Fatalf("%d comes after %d", next, at)
			}
			if at = next; at == 0 {
				break
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
	})
}
