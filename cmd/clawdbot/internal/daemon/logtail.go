package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

const (
	tailLines    = 500
	tailMaxLines = 5000
	tailBytes    = 250_000
	tailMaxBytes = 1_000_000
	tailReply    = 900_000 // of its lines, as JSON
)

// logsTail answers logs.tail with the end of the log file, or with what came
// after the cursor.
func (d *daemon) logsTail(_ context.Context, r *bus.Request) (any, error) {
	q := msg.LogQuery{Limit: tailLines, MaxBytes: tailBytes}
	if err := r.Decode(&q); err != nil {
		return nil, err
	}
	if q.Limit < 1 || q.Limit > tailMaxLines || q.MaxBytes < 1 || q.MaxBytes > tailMaxBytes || q.Cursor < 0 {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "limit must be 1 to %d, maxBytes 1 to %d and cursor not negative", tailMaxLines, tailMaxBytes)
	}
	f, err := os.Open(d.logPath)
	if errors.Is(err, fs.ErrNotExist) { // it is being rotated
		return msg.LogTail{File: d.logPath, Lines: []string{}, Reset: q.Cursor > 0}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	tail := msg.LogTail{File: d.logPath, Size: st.Size(), Cursor: st.Size(), Lines: []string{}}
	from := q.Cursor
	if from > st.Size() {
		from, tail.Reset = 0, true
	}
	if tail.Truncated = st.Size()-from > q.MaxBytes; tail.Truncated {
		from = st.Size() - q.MaxBytes - 1 // the byte before tells whether the first line is whole
	}
	var read strings.Builder
	read.Grow(int(st.Size() - from))
	if _, err := io.Copy(&read, io.NewSectionReader(f, from, st.Size()-from)); err != nil {
		return nil, err
	}
	text := read.String()
	if tail.Truncated {
		_, text, _ = strings.Cut(text, "\n")
	}
	whole := strings.LastIndexByte(text, '\n') + 1 // a line that is still being written is left for the next call
	tail.Cursor -= int64(len(text) - whole)
	if text = text[:whole]; text != "" {
		tail.Lines = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
	leaveOut(&tail, len(tail.Lines)-q.Limit)
	for i, line := range tail.Lines {
		tail.Lines[i] = forOriginal(line)
	}
	leaveOut(&tail, tooMany(tail.Lines))
	return tail, nil
}

// leaveOut drops the first n lines.
func leaveOut(tail *msg.LogTail, n int) {
	if n > 0 {
		tail.Lines, tail.Truncated = tail.Lines[n:], true
	}
}

// forOriginal adds to a line what the clients of the original read of one: the
// text under 1, level and subsystem under _meta. What is no line of the log stays.
func forOriginal(line string) string {
	var l struct {
		Level, Component, Msg string
		Attrs                 map[string]json.RawMessage
	}
	if json.Unmarshal([]byte(line), &l) != nil || l.Level == "" || !strings.HasSuffix(line, "}") {
		return line
	}
	for _, key := range slices.Sorted(maps.Keys(l.Attrs)) {
		value := string(l.Attrs[key])
		_ = json.Unmarshal(l.Attrs[key], &value) // what is no string stays as it is
		l.Msg += " " + key + "=" + value
	}
	type meta struct {
		Name  string `json:"name,omitempty"` // JSON in a string
		Level string `json:"logLevelName"`
	}
	m := meta{Level: strings.ToUpper(l.Level)}
	if l.Component != "" {
		name, _ := json.Marshal(map[string]string{"subsystem": l.Component}) // strings always encode, here and below
		m.Name = string(name)
	}
	more, _ := json.Marshal(struct {
		Text string `json:"1"`
		Meta meta   `json:"_meta"`
	}{l.Msg, m})
	return line[:len(line)-1] + "," + string(more[1:])
}

// tooMany is how many of the first lines must stay out, so that the answer fits
// into a message on the bus.
func tooMany(lines []string) int {
	size := 0
	for i, line := range slices.Backward(lines) {
		quoted := strings.Count(line, `"`) + strings.Count(line, `\`)
		if size += len(line) + quoted + len(`"",`); size > tailReply {
			return i + 1
		}
	}
	return 0
}
