package store

import (
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fence stands between Pebble and the store's folder. Pebble ends the process, or throws while it holds its locks, when
// its log or manifest cannot be written. So the first refused write brings the fence down: from then on nothing reaches
// the folder, as after a crash, Pebble is told that all is well, and the Store tells its callers the reason.
//
// Tables are the exception: a flush that is told the truth keeps its memtable, so that reads go on. Pebble repeats it
// at once and for ever; the fence holds the repetition until close.
//
// While the store is being opened, the fence also keeps files that Pebble takes for obsolete, until admit.
type fence struct {
	vfs.FS
	dir    string      // the folder; the end mark lies beside it
	onFail func(error) // called once, after admit only; it must not block

	fresh bool // the store is being made: its folder is synced once, at the end, and not for each of Pebble's twelve steps

	mark atomic.Pointer[mark] // told of the manifest's growth; nil at first

	reason   atomic.Pointer[error]
	admitted atomic.Bool
	closing  chan struct{}

	mu       sync.Mutex
	obsolete []string
}

// down returns why the fence came down, or nil.
func (f *fence) down() error {
	if p := f.reason.Load(); p != nil {
		return *p
	}
	return nil
}

func (f *fence) fail(err error) {
	err = classify(err)
	if f.reason.CompareAndSwap(nil, &err) && f.admitted.Load() {
		f.onFail(err)
	}
}

// admit ends the opening: the folder is sound, so the obsolete files may go.
func (f *fence) admit() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.admitted.Store(true)
	for _, name := range f.obsolete {
		_ = f.FS.Remove(name) // Pebble finds a file that stays at the next opening
	}
	f.obsolete = nil
}

func (f *fence) guards(name string) bool {
	return name == f.dir || name == markPath(f.dir) || strings.HasPrefix(name, f.dir+string(filepath.Separator))
}

// write runs op on the named file while the fence is up, and hides the error that brings it down.
func (f *fence) write(name string, op func() error) error {
	if !f.guards(name) {
		return op()
	}
	if f.down() == nil {
		err := op()
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f.fail(err)
	}
	if f.admitted.Load() && filepath.Ext(name) == ".sst" {
		return f.down()
	}
	return nil
}

// open is write for calls that make a file.
func (f *fence) open(name string, op func() (vfs.File, error)) (vfs.File, error) {
	if f.guards(name) && f.down() != nil && f.admitted.Load() && filepath.Ext(name) == ".sst" {
		<-f.closing
	}
	var file vfs.File
	err := f.write(name, func() (err error) {
		file, err = op()
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case file == nil:
		return void{}, nil
	case f.guards(name) && manifestNumber(f.FS.PathBase(name)) != 0:
		return &manifestFile{fencedFile: fencedFile{file, f, name}, number: manifestNumber(f.FS.PathBase(name))}, nil
	}
	return &fencedFile{file, f, name}, nil
}

func (f *fence) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.Create(name, category) })
}

func (f *fence) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.open(name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, category, opts...) })
}

func (f *fence) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.open(newname, func() (vfs.File, error) { return f.FS.ReuseForWrite(oldname, newname, category) })
}

func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fencedFile{file, f, name}, nil
}

func (f *fence) Rename(oldname, newname string) error {
	return f.write(newname, func() error { return f.FS.Rename(oldname, newname) })
}

// Link copies. Pebble links tables into checkpoints, and a checkpoint must not share its bytes with the store.
func (f *fence) Link(oldname, newname string) error {
	return f.write(newname, func() error { return vfs.Copy(f.FS, oldname, newname) })
}

func (f *fence) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.admitted.Load() && f.guards(name) {
		f.obsolete = append(f.obsolete, name)
		return nil
	}
	return f.write(name, func() error { return f.FS.Remove(name) })
}

// Unwrap hides the file system below, so that nothing goes round the fence.
func (f *fence) Unwrap() vfs.FS { return nil }

// fencedFile is an open file behind the fence.
type fencedFile struct {
	vfs.File
	fence *fence
	name  string
}

func (w *fencedFile) Write(p []byte) (int, error) {
	err := w.fence.write(w.name, func() error { _, err := w.File.Write(p); return err })
	return len(p), err
}

func (w *fencedFile) WriteAt(p []byte, off int64) (int, error) {
	err := w.fence.write(w.name, func() error { _, err := w.File.WriteAt(p, off); return err })
	return len(p), err
}

// Preallocate may fail without harm: some file systems cannot, and a nearly full disk will not.
func (w *fencedFile) Preallocate(offset, length int64) error {
	if w.fence.down() != nil {
		return nil
	}
	return w.File.Preallocate(offset, length)
}

func (w *fencedFile) Close() error {
	err := w.File.Close()
	return w.fence.write(w.name, func() error { return err })
}

func (w *fencedFile) Sync() error {
	if w.name == w.fence.dir && w.fence.fresh && !w.fence.admitted.Load() {
		return nil
	}
	return w.fence.write(w.name, w.File.Sync)
}

func (w *fencedFile) SyncData() error { return w.fence.write(w.name, w.File.SyncData) }

func (w *fencedFile) SyncTo(length int64) (full bool, err error) {
	err = w.fence.write(w.name, func() (err error) {
		full, err = w.File.SyncTo(length)
		return err
	})
	return full, err
}

// manifestFile is a manifest that is being written. Pebble writes one from its beginning to its end, and syncs it before
// it relies on it.
type manifestFile struct {
	fencedFile
	number uint64
	size   int64
	sum    uint32
}

func (w *manifestFile) Write(p []byte) (int, error) {
	w.size += int64(len(p))
	w.sum = crc32.Update(w.sum, crc32.IEEETable, p)
	return w.fencedFile.Write(p)
}

func (w *manifestFile) Sync() error     { return w.synced(w.fencedFile.Sync()) }
func (w *manifestFile) SyncData() error { return w.synced(w.fencedFile.SyncData()) }

func (w *manifestFile) synced(err error) error {
	mark := w.fence.mark.Load()
	if err != nil || mark == nil || w.fence.down() != nil {
		return err
	}
	if err := mark.grew(w.number, w.size, w.sum); err != nil {
		w.fence.fail(err)
	}
	return nil
}

// void is a file that was made after the fence came down.
type void struct{}

func (void) Close() error                           { return nil }
func (void) Read([]byte) (int, error)               { return 0, io.EOF }
func (void) ReadAt([]byte, int64) (int, error)      { return 0, io.EOF }
func (void) Write(p []byte) (int, error)            { return len(p), nil }
func (void) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (void) Preallocate(int64, int64) error         { return nil }
func (void) Stat() (vfs.FileInfo, error)            { return nil, fs.ErrNotExist }
func (void) Sync() error                            { return nil }
func (void) SyncTo(int64) (bool, error)             { return true, nil }
func (void) SyncData() error                        { return nil }
func (void) Prefetch(int64, int64) error            { return nil }
func (void) Fd() uintptr                            { return vfs.InvalidFd }
