package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// commitKey holds the number of commits, as a JSON number. Every commit writes it.
const commitKey = "store/commit/last"

// Config configures a Store. Dir is required.
type Config struct {
	Dir         string // the database's folder; it is made, mode 0700. The end mark lies beside it, in <Dir>.end
	Checkpoints string // the folder of Backup's checkpoints; "" means "checkpoints" beside Dir
	ReadOnly    bool   // takes the folder's lock too, but writes nothing; the folder must be there
	FS          vfs.FS // nil means the system's
	// OnFault is told of what goes wrong while the store is open: once of the error that stops all writing, and once of
	// each file found damaged, which is ErrCorrupt. It may be called from any goroutine, with locks held: it must return at once
	// and must not call the Store. nil means that the log tells instead.
	OnFault func(error)
	Log     *slog.Logger // nil discards
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("store: no folder given")
	}
	c.Dir = filepath.Clean(c.Dir)
	if c.Checkpoints == "" {
		c.Checkpoints = filepath.Join(filepath.Dir(c.Dir), "checkpoints")
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Store is one open database. It is safe from many goroutines.
type Store struct {
	cfg   Config
	lock  *pebble.Lock
	db    *pebble.DB
	fence *fence
	mark  *mark  // nil when read-only
	doubt string // why a loss could not have been noticed at the opening; "" when it would have been

	write  sync.Mutex // held by the one running Update; guards commit
	commit uint64     // the number of the last commit, on disk or on its way

	life   sync.Mutex // guards closed, and that no operation begins after it
	closed bool
	ops    sync.WaitGroup

	backup sync.Mutex // one Backup at a time

	damaged sync.Map // paths of the damaged files that were told of
}

// Open opens the store in cfg.Dir, or makes an empty one. It does not wait for a lock.
// Its errors are ErrLocked, ErrCorrupt, ErrFull, ErrReadOnly, ErrNewer, with ReadOnly fs.ErrNotExist for a store that is
// not there, or the system's own; they name the folder.
func Open(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := newStore(cfg)
	if err == nil && s.doubt != "" {
		cfg.Log.Warn("store: "+s.doubt, "dir", cfg.Dir)
	}
	return s, err
}

// newStore is Open without a word about the doubt; cfg has its defaults.
func newStore(cfg Config) (*Store, error) {
	s := &Store{cfg: cfg, fence: &fence{FS: cfg.FS, dir: cfg.Dir, closing: make(chan struct{})}}
	s.fence.onFail = s.report
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", cfg.Dir, err)
	}
	return s, nil
}

func (s *Store) open() (err error) {
	if !s.cfg.ReadOnly {
		if err := s.cfg.FS.MkdirAll(s.cfg.Dir, 0o700); err != nil {
			return classify(err)
		}
	}
	if err := checkFiles(s.cfg.FS, s.cfg.Dir); err != nil {
		return err
	}
	if s.lock, err = lockDir(s.cfg.FS, s.cfg.Dir); err != nil {
		return err
	}
	err = s.openChecked()
	// What was read after a hidden write error means nothing.
	if down := s.fence.down(); down != nil {
		err = down
	}
	if err != nil {
		_ = s.release() // err says more
		return err
	}
	s.fence.admit()
	return nil
}

// checkFiles refuses what would keep whoever opens it waiting, such as a pipe in
// the place of the folder, of the end mark or of a file. It is no ErrCorrupt: the
// store itself may be sound.
func checkFiles(fsys vfs.FS, dir string) error {
	switch info, err := fsys.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil // what follows tells
	case err != nil:
		return classify(err)
	case !info.IsDir():
		return errors.New("it is not a folder")
	}
	names, err := fsys.List(dir)
	if err != nil {
		return classify(err)
	}
	paths := []string{markPath(dir)}
	for _, name := range names {
		paths = append(paths, fsys.PathJoin(dir, name))
	}
	for _, path := range paths {
		if info, err := fsys.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() { // else it may just have been removed
			return fmt.Errorf("%s is not a regular file: remove it", path)
		}
	}
	return nil
}

// openChecked opens the database between the two looks at the end mark: at the manifest before, which tells Pebble what
// there is, and at the number of commits after.
func (s *Store) openChecked() (err error) {
	if s.fence.fresh, err = checkFormat(s.cfg.FS, s.cfg.Dir); err != nil {
		return err
	}
	want, err := readMark(s.cfg.FS, s.cfg.Dir)
	switch {
	case errors.Is(err, errMark), errors.Is(err, errNoMark) && !s.fence.fresh:
		s.doubt = fmt.Sprintf("%s %v: whether the newest commits are all there cannot be known", filepath.Base(markPath(s.cfg.Dir)), err)
	case err != nil && !errors.Is(err, errNoMark):
		return classify(err)
	}
	if err := want.checkManifest(s.cfg.FS, s.cfg.Dir); err != nil {
		return classify(err)
	}
	if s.db, err = openPebble(s.cfg.Dir, s.options()); err != nil {
		return err
	}
	if s.commit, err = readCommits(s.db); err != nil {
		return err
	}
	if s.commit < want.commits {
		return &shortError{acknowledged: want.commits, there: s.commit}
	}
	if s.cfg.ReadOnly {
		return nil
	}
	return classify(s.startMark())
}

// startMark tells the mark of the store as it is now. A manifest that Pebble begins later is told by the fence.
func (s *Store) startMark() error {
	if s.fence.fresh {
		if err := syncDir(s.cfg.FS, s.cfg.Dir); err != nil {
			return err
		}
	}
	now, err := end{commits: s.commit}.withManifest(s.fence, s.cfg.Dir)
	if err != nil {
		return err
	}
	if s.mark, err = openMark(s.fence, s.cfg.Dir, now); err != nil {
		return err
	}
	s.fence.mark.Store(s.mark)
	return nil
}

// release closes what open opened.
func (s *Store) release() error {
	close(s.fence.closing)
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.mark != nil { // the database tells it of its last flush
		errs = append(errs, s.mark.close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// openPebble turns a panic of Pebble over a damaged file into an error.
func openPebble(dir string, opts *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, r)
		}
	}()
	db, err = pebble.Open(dir, opts)
	if err != nil {
		return nil, classifyOpen(err)
	}
	return db, nil
}

func lockDir(fsys vfs.FS, dir string) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(dir, fsys)
	var path *fs.PathError
	switch {
	case err == nil:
		return lock, nil
	case errors.As(err, &path): // the lock file could not be made
		return nil, classify(err)
	}
	return nil, fmt.Errorf("%w: %w", ErrLocked, err)
}

// readCommits returns the number of commits, 0 for a new store.
func readCommits(db *pebble.DB) (uint64, error) {
	value, err := get(db, commitKey)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is %q", ErrCorrupt, commitKey, value)
	}
	return n, nil
}

// Close waits for the calls that are under way, then closes the database. Later calls return ErrClosed; a second Close
// does nothing. An iteration that its caller does not end keeps Close waiting.
func (s *Store) Close() error {
	s.life.Lock()
	again := s.closed
	s.closed = true
	s.life.Unlock()
	if again {
		return nil
	}
	s.ops.Wait()
	if err := errors.Join(s.release(), s.fence.down()); err != nil {
		return fmt.Errorf("close store %s: %w", s.cfg.Dir, classify(err))
	}
	return nil
}

// begin counts a call in, so that Close waits for it. Each nil needs one s.ops.Done.
func (s *Store) begin() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.ops.Add(1)
	return nil
}

// Err returns why the store takes no more writes, or nil. It does not block.
func (s *Store) Err() error { return s.fence.down() }

// report tells of a fault that no caller gets as an error, once: to OnFault or, without one, in the log.
func (s *Store) report(err error) {
	if s.cfg.OnFault != nil {
		s.cfg.OnFault(err)
		return
	}
	s.cfg.Log.Error("store: fault", "dir", s.cfg.Dir, "err", err)
}
