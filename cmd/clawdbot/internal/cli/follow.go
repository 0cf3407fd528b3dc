package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// followEvery is how often a followed file is looked at. A person does not
// notice the wait, and a look costs one system call.
const followEvery = 100 * time.Millisecond

// follower prints what is written to a file, across its rotation. File is nil
// while there is none.
type follower struct {
	path  string
	file  *os.File
	print func(line string)
	part  strings.Builder // of a line whose end is not written yet
}

// run follows the file until ctx ends.
func (f *follower) run(ctx context.Context) error {
	defer func() { f.close() }()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if err := f.look(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look prints what is new. A file that was moved away is read to its end
// before the one in its place.
func (f *follower) look() error {
	now, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.drain() // between the move and the new file, or not yet made
	}
	if err != nil {
		return err
	}
	if f.file != nil {
		if err := f.drain(); err != nil {
			return err
		}
		same, err := f.same(now)
		if err != nil || same {
			return err
		}
		f.close()
	}
	if f.file, err = os.Open(f.path); errors.Is(err, fs.ErrNotExist) {
		return nil // moved away again
	}
	if err != nil {
		return err
	}
	return f.drain()
}

// same says whether the open file is the one at the path. One that became
// shorter is read from its start.
func (f *follower) same(now os.FileInfo) (bool, error) {
	open, err := f.file.Stat()
	if err != nil || !os.SameFile(open, now) {
		return false, err
	}
	at, err := f.file.Seek(0, io.SeekCurrent)
	if err == nil && at > open.Size() {
		f.part.Reset()
		_, err = f.file.Seek(0, io.SeekStart)
	}
	return true, err
}

// drain prints the whole lines up to the end of the open file.
func (f *follower) drain() error {
	if f.file == nil {
		return nil
	}
	r := bufio.NewReader(f.file)
	for {
		text, err := r.ReadString('\n')
		f.part.WriteString(text)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f.print(f.part.String())
		f.part.Reset()
	}
}

func (f *follower) close() {
	if f.file != nil {
		_ = f.file.Close() // only read
		f.file = nil
		f.part.Reset() // a line that its writer never ended
	}
}
