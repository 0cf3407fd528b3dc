package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/DeRuina/timberjack"
	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/cmd/clawdbot/internal/console"
)

// The log file is rotated when it is large, and old ones are thrown away.
const (
	logMegabytes = 10
	logBackups   = 5
)

// logHandler writes each record thrice: for people to the console, as a JSON
// line to the log file, and on the bus.
type logHandler struct {
	*logSinks
	attrs []slog.Attr
	group string // prefix of keys, with its dot
}

// logSinks is what all handlers of one daemon share.
type logSinks struct {
	level    slog.LevelVar
	profile  string
	subjects subject.Space
	file     io.Writer // nil until it is open

	console *console.Console
	color   bool

	bus atomic.Pointer[nats.Conn]
}

func (h *logHandler) toBus(nc *nats.Conn) { h.bus.Store(nc) }

// startLog opens the log.
func (d *daemon) startLog(context.Context) error {
	cfg := d.config().Logging
	d.logPath = d.Profile.LogFile()
	try := ""
	if cfg.File != "" {
		d.logPath, try = d.Profile.ExpandHome(cfg.File), d.Profile.Command("config unset logging.file")
	}
	if err := checkLogFile(d.logPath); err != nil {
		if isFull(err) {
			return err
		}
		return refuse(try, "%w", err)
	}
	file := &timberjack.Logger{Filename: d.logPath, MaxSize: logMegabytes, MaxBackups: logBackups, FileMode: 0o600}
	d.push("log", file.Close)
	d.logs = &logHandler{logSinks: &logSinks{
		profile: d.Profile.Bus(), subjects: d.Profile.Subjects(), file: file, console: console.New(d.Console), color: d.Color,
	}}
	d.logs.level.Set(logLevel(cfg.Level))
	d.push("console", d.logs.console.Close)
	d.log = slog.New(d.logs)
	for _, w := range d.Profile.Warnings {
		d.log.Warn(w)
	}
	return nil
}

// checkLogFile makes the file. What is there and is none must not be rotated:
// the rotation moves away whatever it cannot open, be it a folder or a device.
func checkLogFile(path string) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("log file %s is no file: its mode is %s", path, st.Mode())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("log file %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log file %s: %w", path, err)
	}
	return f.Close()
}

// logLevel maps the original's level names.
func logLevel(name string) slog.Level {
	switch name {
	case "trace", "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error", "fatal":
		return slog.LevelError
	case "silent":
		return slog.LevelError + 100
	}
	return slog.LevelInfo
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.attrs = append([]slog.Attr{}, h.attrs...)
	for _, a := range attrs {
		a.Key = h.group + a.Key
		next.attrs = append(next.attrs, a)
	}
	return &next
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	next := *h
	next.group += name + "."
	return &next
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	line := msg.LogLine{
		Time: r.Time.Format("2006-01-02T15:04:05.000Z07:00"), Level: levelName(r.Level), Profile: h.profile, Msg: r.Message,
	}
	add := func(key string, v slog.Value) {
		if key == "component" {
			line.Component = v.String()
			return
		}
		if line.Attrs == nil {
			line.Attrs = map[string]any{}
		}
		line.Attrs[key] = attrValue(v)
	}
	for _, a := range h.attrs {
		add(a.Key, a.Value)
	}
	r.Attrs(func(a slog.Attr) bool { add(h.group+a.Key, a.Value); return true })
	body, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = h.file.Write(append(body, '\n'))
	h.print(r, line)
	if nc := h.bus.Load(); nc != nil {
		if subj, subjErr := h.subjects.Log(line.Level); subjErr == nil {
			_ = nc.Publish(subj, body) // a bus that is gone must not stop the log
		}
	}
	return err
}

// print writes the record for people: time, level, component, message, attributes.
func (h *logHandler) print(r slog.Record, line msg.LogLine) {
	var b strings.Builder
	b.WriteString(paint(h.color, dim, r.Time.Format("15:04:05.000")))
	b.WriteByte(' ')
	b.WriteString(paint(h.color, levelColor(r.Level), fmt.Sprintf("%-5s", line.Level)))
	b.WriteByte(' ')
	if line.Component != "" {
		b.WriteString(paint(h.color, bold, fmt.Sprintf("%-8s", line.Component)))
		b.WriteByte(' ')
	}
	b.WriteString(line.Msg)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteByte(' ')
		b.WriteString(paint(h.color, dim, a.Key+"="))
		fmt.Fprint(&b, attrValue(a.Value))
		return true
	})
	b.WriteByte('\n')
	h.console.Print(b.String())
}

const (
	dim    = "2"
	bold   = "1"
	red    = "31"
	yellow = "33"
	green  = "32"
)

func paint(on bool, code, s string) string {
	if !on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func levelColor(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return red
	case l >= slog.LevelWarn:
		return yellow
	case l >= slog.LevelInfo:
		return green
	}
	return dim
}

// levelName is one of the words that log.<level> has.
func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}

// attrValue is what JSON and people can read of a value.
func attrValue(v slog.Value) any {
	switch v := v.Resolve(); v.Kind() {
	case slog.KindDuration:
		return v.Duration().String()
	case slog.KindTime:
		return v.Time().Format(time.RFC3339)
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return err.Error()
		}
		return v.Any()
	default:
		return v.Any()
	}
}
