package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ringFile is one file of a ring.
type ringFile struct {
	path  string
	began time.Time // no value in it is older
	size  int64
}

const ringSuffix = ".jsonl"

// ringName is the Unix time in microseconds; the order of names is that of time.
func ringName(began time.Time) string { return fmt.Sprintf("%017d%s", began.UnixMicro(), ringSuffix) }

// ringFiles lists a ring's files, the oldest first. A folder that is not there
// holds none, and what has another name is not the ring's.
func ringFiles(dir string) ([]ringFile, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var files []ringFile
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), ringSuffix)
		micros, err := strconv.ParseInt(stem, 10, 64)
		if !ok || err != nil || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // trimmed since
		}
		if err != nil {
			return nil, err
		}
		files = append(files, ringFile{filepath.Join(dir, e.Name()), time.UnixMicro(micros), info.Size()})
	}
	return files, nil
}

// RingUse is what a ring takes on the disk.
type RingUse struct {
	Bytes int64
	Files int
	Since time.Time // when its oldest file was begun; zero for an empty ring
}

// MeasureRing looks at the ring <component>/<kind> of the store in storeDir,
// which may be open, closed or damaged.
func MeasureRing(storeDir, component, kind string) (RingUse, error) {
	dir, err := ringDir(storeDir, component, kind)
	if err != nil {
		return RingUse{}, err
	}
	return measureRing(dir)
}

func measureRing(dir string) (RingUse, error) {
	files, err := ringFiles(dir)
	use := RingUse{Files: len(files)}
	for _, f := range files {
		use.Bytes += f.size
	}
	if len(files) > 0 {
		use.Since = files[0].began
	}
	return use, err
}

// ReadRing returns the values of the ring <component>/<kind> of the store in
// storeDir, the oldest first. It needs no lock: the store may be open in any
// process, closed or damaged. Files that ended before since are left out, and so
// is a line that is damaged, such as the one that a crash cut short. An error
// comes last, with a zero value.
func ReadRing[T any](storeDir, component, kind string, since time.Time) iter.Seq2[T, error] {
	dir, err := ringDir(storeDir, component, kind)
	if err != nil {
		return func(yield func(T, error) bool) {
			var zero T
			yield(zero, err)
		}
	}
	return readRing[T](dir, since)
}

func readRing[T any](dir string, since time.Time) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		files, err := ringFiles(dir)
		if err != nil {
			yield(zero, fmt.Errorf("ring %s: %w", dir, err))
			return
		}
		for i, f := range files {
			if i+1 < len(files) && files[i+1].began.Before(since) {
				continue
			}
			more, err := readRingFile(f.path, func(v T) bool { return yield(v, nil) })
			if err != nil {
				yield(zero, fmt.Errorf("ring %s: %w", dir, err))
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// readRingFile calls visit for each value until it returns false, and returns
// what it returned last. A file that was trimmed meanwhile holds nothing.
func readRingFile[T any](path string, visit func(T) bool) (more bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if v, ok := parseRingLine[T](line); ok && !visit(v) {
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}
