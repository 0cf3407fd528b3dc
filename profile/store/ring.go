package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A ring's files: as many as it takes to lose little when the oldest goes.
const (
	ringFilesBySize = 16 // the limit in bytes holds so many full files
	ringFilesByAge  = 24 // and the limit in time so many that were written all the time
)

// RingLimits bound a ring. Both are required.
type RingLimits struct {
	Bytes int64         // of all files together; a single Append should be smaller than a sixteenth of it
	Age   time.Duration // of a file's newest value
}

// Ring keeps the newest values of one type, in the order in which they were
// appended, in files of its own beside the store; the oldest file goes when a
// limit is reached. It is for what may be lost: nothing is synced, nothing
// counts as a commit, and no checkpoint holds it. In return it can be read by
// anyone at any time, of a dead, locked or damaged store as well: see ReadRing.
// It is safe from many goroutines; there must be one for each of its folders.
type Ring[T any] struct {
	dir    string
	limits RingLimits

	mu    sync.Mutex
	files []ringFile // the oldest first; nil until the first Append
	open  *os.File   // the newest; nil before the first Append, and after one that failed
	last  int        // length of the newest line in it
}

// NewRing returns the ring <component>/<kind> beside s. It touches no file.
// It returns ErrKey if these are not words that the package comment allows,
// and ErrReadOnly for a store that was opened so.
func NewRing[T any](s *Store, component, kind string, limits RingLimits) (*Ring[T], error) {
	dir, err := ringDir(s.cfg.Dir, component, kind)
	if err == nil && s.cfg.ReadOnly {
		err = ErrReadOnly
	}
	if err != nil {
		return nil, err
	}
	return &Ring[T]{dir: dir, limits: limits}, nil
}

func ringDir(storeDir, component, kind string) (string, error) {
	if _, err := prefix(component, kind); err != nil {
		return "", err
	}
	return filepath.Join(filepath.Clean(storeDir)+".ring", component+"-"+kind), nil
}

// Append writes values behind the last one, in one system call, and waits for
// no disk. After an error, such as ErrFull, a part of them may be there; the next
// Append goes on behind it.
func (r *Ring[T]) Append(values ...T) error {
	lines, last, err := ringLines(values)
	if err != nil || len(lines) == 0 {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.write(lines, time.Now()); err != nil {
		if r.open != nil {
			_ = r.open.Close() // err says more
			r.open = nil
		}
		return fmt.Errorf("ring %s: %w", r.dir, classify(err))
	}
	r.last = last
	return nil
}

// ringLines renders each value as a line: a CRC-32 in hexadecimal, a blank, JSON.
func ringLines[T any](values []T) (lines []byte, last int, err error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, v := range values {
		start := b.Len()
		b.WriteString("00000000 ")
		if err := enc.Encode(v); err != nil {
			return nil, 0, fmt.Errorf("encode a value of a ring: %w", err)
		}
		line := b.Bytes()[start:]
		copy(line, fmt.Appendf(nil, "%08x", crc32.ChecksumIEEE(line[9:len(line)-1])))
		last = len(line)
	}
	return b.Bytes(), last, nil
}

// parseRingLine is false for a line that is damaged or was cut short.
func parseRingLine[T any](line []byte) (v T, ok bool) {
	line, whole := bytes.CutSuffix(line, []byte("\n"))
	if !whole || len(line) < 9 || line[8] != ' ' || string(line[:8]) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(line[9:])) {
		return v, false
	}
	return v, json.Unmarshal(line[9:], &v) == nil
}

func (r *Ring[T]) write(lines []byte, now time.Time) error {
	if r.open == nil {
		if err := r.reopen(); err != nil {
			return err
		}
	}
	need := int64(len(lines))
	if r.open == nil || r.full(need, now) {
		if err := r.begin(now); err != nil {
			return err
		}
	}
	r.trim(now, need)
	wrote, err := r.open.Write(lines)
	r.files[len(r.files)-1].size += int64(wrote)
	return err
}

// full says whether the newest file is too large or too old to take need more bytes.
func (r *Ring[T]) full(need int64, now time.Time) bool {
	newest := r.files[len(r.files)-1]
	return newest.size+need > r.limits.Bytes/ringFilesBySize || now.Sub(newest.began) >= r.limits.Age/ringFilesByAge
}

// reopen takes up the newest file that an earlier life left, if there is one.
func (r *Ring[T]) reopen() error {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	files, err := ringFiles(r.dir)
	if err != nil {
		return err
	}
	r.files = files
	if len(files) == 0 {
		return nil
	}
	newest := files[len(files)-1]
	f, err := os.OpenFile(newest.path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	end := make([]byte, 1)
	if _, err := f.ReadAt(end, newest.size-1); err == nil && end[0] != '\n' {
		_, err = f.Write([]byte("\n")) // ends the line that a crash cut short
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	r.open = f
	return nil
}

// begin makes a new file, whose name sorts behind all others whatever the clock says.
func (r *Ring[T]) begin(now time.Time) error {
	if n := len(r.files); n > 0 && !now.After(r.files[n-1].began) {
		now = r.files[n-1].began.Add(time.Microsecond)
	}
	path := filepath.Join(r.dir, ringName(now))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if r.open != nil {
		_ = r.open.Close() // nothing is buffered, nothing is synced
	}
	r.open, r.files = f, append(r.files, ringFile{path: path, began: now})
	return nil
}

// trim removes the oldest files until the rest and need more bytes are within the
// limits. One that stays, as an open one does on Windows, goes at the next time.
func (r *Ring[T]) trim(now time.Time, need int64) {
	total := need
	for _, f := range r.files {
		total += f.size
	}
	for len(r.files) > 1 && (total > r.limits.Bytes || now.Sub(r.files[1].began) >= r.limits.Age) {
		if err := os.Remove(r.files[0].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
		total -= r.files[0].size
		r.files = r.files[1:]
	}
}

// Last reads the newest value back from its file. It returns ErrNotFound before
// the first Append and after one that failed, and ErrCorrupt if the file does
// not hold what was written.
func (r *Ring[T]) Last() (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var zero T
	if r.open == nil {
		return zero, fmt.Errorf("%w: ring %s is empty", ErrNotFound, r.dir)
	}
	info, err := r.open.Stat()
	if err != nil {
		return zero, fmt.Errorf("ring %s: %w", r.dir, err)
	}
	line := make([]byte, r.last)
	if _, err := r.open.ReadAt(line, max(0, info.Size()-int64(r.last))); err != nil && !errors.Is(err, io.EOF) {
		return zero, fmt.Errorf("ring %s: %w", r.dir, err)
	}
	v, ok := parseRingLine[T](line)
	if !ok {
		return zero, fmt.Errorf("%w: ring %s: the newest line is not what was written", ErrCorrupt, r.dir)
	}
	return v, nil
}

// Since is ReadRing for this ring. It may run beside Append.
func (r *Ring[T]) Since(since time.Time) iter.Seq2[T, error] { return readRing[T](r.dir, since) }

// Use is MeasureRing for this ring.
func (r *Ring[T]) Use() (RingUse, error) { return measureRing(r.dir) }

// Close closes the newest file. The ring can be used again.
func (r *Ring[T]) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		return nil
	}
	err := r.open.Close()
	r.open = nil
	return err
}
