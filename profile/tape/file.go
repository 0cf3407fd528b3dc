package tape

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"clawdbot/bus/msg"
)

// Format is what the first line of a recording in a file calls itself.
const Format = "clawdbot-recording/1"

// ErrFormat says that a file is not a recording.
var ErrFormat = errors.New("not a recording")

// WriteFile writes a recording to a new file, mode 0600, and returns how many
// messages are in it. A path that exists is refused (fs.ErrExist), and nothing
// is left of a file that could not be written to its end.
func WriteFile(path string, h msg.RecordHeader, entries iter.Seq2[Entry, error]) (messages int, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	messages, err = write(f, h, entries)
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return messages, err
}

func write(to io.Writer, h msg.RecordHeader, entries iter.Seq2[Entry, error]) (messages int, err error) {
	b := bufio.NewWriterSize(to, 64<<10)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	h.Format, h.Redacted = Format, true
	if err := enc.Encode(h); err != nil {
		return 0, err
	}
	for e, err := range entries {
		if err != nil {
			return messages, err
		}
		if err := enc.Encode(e); err != nil {
			return messages, err
		}
		if e.Gap == "" {
			messages++
		}
	}
	return messages, b.Flush()
}

// maxLine is the longest line of a recording: an entry is far shorter.
const maxLine = 4 << 20

// Parse reads a recording's header, and gives its entries as they are read. An
// error names the line, and comes last, with a zero Entry. What is not a
// recording is ErrFormat.
func Parse(r io.Reader) (msg.RecordHeader, iter.Seq2[Entry, error], error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var h msg.RecordHeader
	first := lines.Scan()
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return h, nil, tooLong(1)
	}
	if !first || json.Unmarshal(lines.Bytes(), &h) != nil || h.Format == "" {
		return h, nil, errors.Join(ErrFormat, lines.Err())
	}
	if h.Format != Format {
		return h, nil, fmt.Errorf("%w that this version can read: it is %.40q, this one reads %q", ErrFormat, h.Format, Format)
	}
	return h, func(yield func(Entry, error) bool) {
		n := 1
		for lines.Scan() {
			n++
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			var e Entry
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.At.IsZero() || e.Subject == "" {
				yield(Entry{}, fmt.Errorf("line %d is not an entry of a recording", n))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			yield(Entry{}, tooLong(n+1))
		case err != nil:
			yield(Entry{}, fmt.Errorf("line %d: %w", n+1, err))
		}
	}, nil
}

func tooLong(line int) error {
	return fmt.Errorf("%w: line %d is longer than %d MiB, which no entry is: take the line out, or export it again with record export", ErrFormat, line, maxLine>>20)
}
