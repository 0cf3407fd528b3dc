package store

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// end is what the end mark tells: the last commit known to be on disk, and the manifest known to be there. Pebble only
// appends to a manifest, so what was there once must be there for as long as it is the newest.
type end struct {
	commits  uint64
	manifest uint64 // file number, 0 if there is none
	size     int64  // of the manifest, in bytes, and
	sum      uint32 // the CRC-32 of so many
}

// line is one line of fixed length that ends in a CRC-32 of the rest.
func (e end) line() []byte {
	body := fmt.Sprintf("%020d %020d %020d %08x", e.commits, e.manifest, e.size, e.sum)
	return fmt.Appendf(nil, "%s %08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

// What readMark finds in place of a mark.
var (
	errNoMark = errors.New("is gone")
	errMark   = errors.New("is damaged")
)

func markPath(dir string) string { return dir + ".end" }

// readMark returns errNoMark when there is no mark, and errMark when there is one that cannot be read.
func readMark(fsys vfs.FS, dir string) (end, error) {
	info, err := fsys.Stat(markPath(dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return end{}, errNoMark
	case err != nil:
		return end{}, err
	case !info.Mode().IsRegular(): // opening a pipe would wait for its writer
		return end{}, errMark
	}
	f, err := fsys.Open(markPath(dir))
	if err != nil {
		return end{}, err
	}
	defer f.Close()
	line, err := io.ReadAll(f)
	if err != nil {
		return end{}, err
	}
	var e end
	_, err = fmt.Sscanf(string(line), "%d %d %d %x", &e.commits, &e.manifest, &e.size, &e.sum)
	if err != nil || string(line) != string(e.line()) {
		return end{}, errMark
	}
	return e, nil
}

// checkManifest proves that the manifest that e tells of is still there. A newer one may have taken its place.
func (e end) checkManifest(fsys vfs.FS, dir string) error {
	if e.manifest == 0 {
		return nil
	}
	name := manifestName(e.manifest)
	sum, err := sumFile(fsys, fsys.PathJoin(dir, name), e.size)
	switch {
	case err == nil && sum == e.sum:
		return nil
	case err == nil, errors.Is(err, io.EOF):
		return fmt.Errorf("%w: %s has changed", ErrCorrupt, name)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, other := range names {
		if manifestNumber(other) > e.manifest {
			return nil
		}
	}
	return fmt.Errorf("%w: %s is gone", ErrCorrupt, name)
}

// withManifest tells e of the manifest that is in use in dir. Pebble names it in the name of a marker file
// (pebble/vfs/atomicfs: marker.manifest.<iteration>.<manifest>).
func (e end) withManifest(fsys vfs.FS, dir string) (end, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return e, err
	}
	marker := ""
	for _, name := range names {
		if strings.HasPrefix(name, "marker.manifest.") {
			marker = max(marker, name) // the iteration has a fixed width
		}
	}
	name := marker[strings.LastIndexByte(marker, '.')+1:]
	path := fsys.PathJoin(dir, name)
	info, err := fsys.Stat(path)
	if err != nil {
		return e, err
	}
	e.manifest, e.size = manifestNumber(name), info.Size()
	e.sum, err = sumFile(fsys, path, e.size)
	return e, err
}

// sumFile returns the CRC-32 of the first size bytes, or io.EOF if there are fewer.
func sumFile(fsys vfs.FS, name string, size int64) (uint32, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	sum := crc32.NewIEEE()
	_, err = io.CopyN(sum, f, size)
	return sum.Sum32(), err
}

func manifestName(number uint64) string { return fmt.Sprintf("MANIFEST-%06d", number) }

// manifestNumber returns 0 for a name that is not a manifest's.
func manifestNumber(name string) uint64 {
	var n uint64
	if _, err := fmt.Sscanf(name, "MANIFEST-%d", &n); err != nil {
		return 0
	}
	return n
}

// mark is the end mark of an open store: one line beside its folder, rewritten in place.
type mark struct {
	mu   sync.Mutex
	file vfs.File
	end  end
}

// openMark puts a mark that tells e beside dir and opens it. It replaces what lies there, since that may be a link.
func openMark(fsys vfs.FS, dir string, e end) (*mark, error) {
	path := markPath(dir)
	fresh := path + ".new"
	if err := writeMark(fsys, fresh, e); err != nil {
		return nil, errors.Join(err, fsys.RemoveAll(fresh))
	}
	if err := errors.Join(fsys.Rename(fresh, path), syncDir(fsys, filepath.Dir(path))); err != nil {
		return nil, err
	}
	f, err := fsys.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	return &mark{file: f, end: e}, nil
}

// writeMark writes and syncs a mark. It makes a new file, and follows no link: vfs.FS.Create removes what is there first.
func writeMark(fsys vfs.FS, path string, e end) error {
	f, err := fsys.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err = f.Write(e.line()); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// advance tells that commit n, and with it every earlier one, is on disk.
func (m *mark) advance(n uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n <= m.end.commits {
		return nil
	}
	m.end.commits = n
	_, err := m.file.WriteAt(m.end.line(), 0)
	return err
}

// grew tells that a manifest is on disk with the given size and sum.
func (m *mark) grew(number uint64, size int64, sum uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end.manifest, m.end.size, m.end.sum = number, size, sum
	_, err := m.file.WriteAt(m.end.line(), 0)
	return err
}

func (m *mark) last() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end.commits
}

func (m *mark) close() error { return errors.Join(m.file.Sync(), m.file.Close()) }
