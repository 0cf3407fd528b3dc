package postmortem

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Name is the file name that suits the report, with the profile and the time in it.
func (r Report) Name() string {
	return fmt.Sprintf("postmortem-%s-%s.tar.gz", r.Profile, r.Made.Local().Format("20060102-150405"))
}

// Save writes the archive to a new file, 0600, and returns its size in bytes. A
// path that exists is fs.ErrExist. On an error nothing is left behind.
func (r Report) Save(path string) (size int64, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("%s is there already: %w", path, fs.ErrExist)
	}
	if err != nil {
		return 0, err
	}
	err = r.Write(f)
	if err == nil {
		size, err = f.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(path))
	}
	return size, nil
}

// Write writes the archive: a folder with report.html for people, report.json
// for programs, and the long parts as files of their own.
func (r Report) Write(w io.Writer) error {
	files, err := r.files()
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(w)
	archive := tar.NewWriter(zip)
	folder := strings.TrimSuffix(filepath.Base(r.Name()), ".tar.gz")
	for _, f := range files {
		header := tar.Header{Name: folder + "/" + f.name, Mode: 0o600, Size: int64(len(f.body)), ModTime: r.Made.Truncate(time.Second)}
		if err := archive.WriteHeader(&header); err != nil {
			return err
		}
		if _, err := archive.Write(f.body); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zip.Close())
}

// file is one in the archive.
type file struct {
	name string
	body []byte
}

// files are all but those that would be empty.
func (r Report) files() ([]file, error) {
	all, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	files := []file{{"report.html", page(r)}, {"report.json", all}, {"log.jsonl", jsonLines(r.Log)}, {"beats.jsonl", jsonLines(r.Beats)},
		{"traffic.jsonl", jsonLines(r.Traffic)}, {"journal.txt", []byte(strings.Join(r.Journal, "\n"))}}
	if r.Config != nil {
		files = append(files, file{"config.diff", []byte(r.Config.Diff)})
	}
	if r.Goroutines != nil {
		files = append(files, file{"goroutines.txt", []byte(r.Goroutines.Text)})
	}
	some := files[:0]
	for _, f := range files {
		if len(f.body) > 0 {
			some = append(some, f)
		}
	}
	return some, nil
}

// jsonLines is one line of JSON for each value, all of which have been JSON before.
func jsonLines[T any](values []T) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, v := range values {
		_ = enc.Encode(v)
	}
	return b.Bytes()
}
