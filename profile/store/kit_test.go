package store

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var osFS = vfs.Default

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// diskFS is the system's file system on a disk that counts its syncs, and that refuses writes when told to.
type diskFS struct {
	vfs.FS
	syncs  atomic.Int64
	refuse atomic.Pointer[refusal]
}

// refusal says which writes fail: those to files whose base name contains name, after the first allow bytes.
type refusal struct {
	name  string
	allow atomic.Int64
	err   error
}

func (d *diskFS) refuseWrites(name string, allow int64, err error) {
	r := &refusal{name: name, err: err}
	r.allow.Store(allow)
	d.refuse.Store(r)
}

func (d *diskFS) check(name string, n int) error {
	r := d.refuse.Load()
	if r == nil || !strings.Contains(filepath.Base(name), r.name) || r.allow.Add(-int64(n)) >= 0 {
		return nil
	}
	return r.err
}

func (d *diskFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &diskFile{f, d, name}, nil
}

func (d *diskFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.check(name, 1); err != nil {
		return nil, err
	}
	f, err := d.FS.Create(name, c)
	return d.wrap(name, f, err)
}

func (d *diskFS) ReuseForWrite(from, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.check(name, 1); err != nil {
		return nil, err
	}
	f, err := d.FS.ReuseForWrite(from, name, c)
	return d.wrap(name, f, err)
}

func (d *diskFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.OpenReadWrite(name, c, opts...)
	return d.wrap(name, f, err)
}

type diskFile struct {
	vfs.File
	disk *diskFS
	name string
}

func (f *diskFile) Write(p []byte) (int, error) {
	if err := f.disk.check(f.name, len(p)); err != nil {
		n, _ := f.File.Write(p[:len(p)/2]) // a full disk takes what still fits
		return n, err
	}
	return f.File.Write(p)
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.check(f.name, len(p)); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *diskFile) Sync() error {
	f.disk.syncs.Add(1)
	return f.File.Sync()
}

func (f *diskFile) SyncData() error {
	f.disk.syncs.Add(1)
	return f.File.SyncData()
}
