package patient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"clawdbot/bus/msg"
)

// lineRoom is how much of the end of a log is read for each line that is wanted.
const lineRoom = 2 << 10

// Tail returns the last lines of a gateway's log file, at most n, the oldest
// first. It reads the end of the file only; what is no line of a log is skipped.
func Tail(path string, n int) ([]msg.LogLine, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would keep us waiting
		return nil, fmt.Errorf("log file %s is no file: its mode is %s", path, info.Mode())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	from := max(0, info.Size()-int64(n)*lineRoom)
	text, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if err != nil {
		return nil, err
	}
	return lastLines(text, n), nil
}

// lastLines reads the lines of a log's end, of which the first may be cut.
func lastLines(text []byte, n int) []msg.LogLine {
	var lines []msg.LogLine
	for raw := range bytes.Lines(text) {
		var line msg.LogLine
		if json.Unmarshal(raw, &line) == nil && line.Level != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}
