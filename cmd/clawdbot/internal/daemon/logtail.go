package daemon

import (
	"context"
	"errors"
	"io"
	"io/fs"
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
	if over := max(len(tail.Lines)-q.Limit, tooMany(tail.Lines)); over > 0 {
		tail.Lines, tail.Truncated = tail.Lines[over:], true
	}
	return tail, nil
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
