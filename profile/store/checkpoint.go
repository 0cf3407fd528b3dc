package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// CheckpointStore is the store's folder within a checkpoint; its end mark lies beside it, so that Open takes it.
	CheckpointStore = "store"

	checkpointKeep = 2
	checkpointTime = "20060102T150405.000000Z" // names a checkpoint; its order is the order of time
)

// Checkpoint writes a full copy of the store to dir, which must not exist. It holds all that was acknowledged before the
// call, and whole updates only. Writers go on. The folder appears when the copy is complete and on disk, or not at all.
func (s *Store) Checkpoint(dir string) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.ops.Done()
	if err := s.checkpoint(filepath.Clean(dir)); err != nil {
		return fmt.Errorf("checkpoint %s: %w", dir, classify(err))
	}
	return nil
}

func (s *Store) checkpoint(dir string) error {
	fsys := s.cfg.FS
	switch err := s.fence.down(); {
	case s.cfg.ReadOnly:
		return ErrReadOnly
	case err != nil:
		return err
	}
	if _, err := fsys.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fs.ErrExist)
	}
	tmp := dir + ".tmp"
	if err := fsys.RemoveAll(tmp); err != nil {
		return err
	}
	err := s.copyTo(tmp)
	if err == nil {
		err = fsys.Rename(tmp, dir)
	}
	if err != nil {
		return errors.Join(err, fsys.RemoveAll(tmp))
	}
	return syncDir(fsys, filepath.Dir(dir))
}

func (s *Store) copyTo(dir string) error {
	if err := s.cfg.FS.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	acknowledged := s.mark.last()
	to := s.cfg.FS.PathJoin(dir, CheckpointStore)
	if err := s.db.Checkpoint(to, pebble.WithFlushedWAL()); err != nil {
		return err
	}
	now, err := end{commits: acknowledged}.withManifest(s.cfg.FS, to)
	if err != nil {
		return err
	}
	m, err := openMark(s.cfg.FS, to, now)
	if err != nil {
		return err
	}
	return errors.Join(m.close(), s.fence.down())
}

// Backup makes a checkpoint in Config.Checkpoints, named by the time, and removes all but the newest two. It returns the
// checkpoint's folder.
func (s *Store) Backup() (string, error) {
	s.backup.Lock()
	defer s.backup.Unlock()
	dir := s.cfg.FS.PathJoin(s.cfg.Checkpoints, time.Now().UTC().Format(checkpointTime))
	if err := s.Checkpoint(dir); err != nil {
		return "", err
	}
	all, err := checkpoints(s.cfg.FS, s.cfg.Checkpoints)
	for _, old := range all[min(checkpointKeep, len(all)):] {
		err = errors.Join(err, s.cfg.FS.RemoveAll(old))
	}
	if err != nil {
		return dir, fmt.Errorf("remove old checkpoints: %w", err)
	}
	return dir, nil
}

// checkpoints lists the checkpoints in dir, the newest first. A dir that is not there holds none.
func checkpoints(fsys vfs.FS, dir string) ([]string, error) {
	if info, err := fsys.Stat(dir); err == nil && !info.IsDir() { // a pipe would keep List waiting
		return nil, fmt.Errorf("checkpoints: %s is not a folder", dir)
	}
	names, err := fsys.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []string
	for _, name := range names {
		if _, err := time.Parse(checkpointTime, name); err == nil {
			found = append(found, fsys.PathJoin(dir, name))
		}
	}
	slices.Sort(found)
	slices.Reverse(found)
	return found, nil
}

func syncDir(fsys vfs.FS, dir string) error {
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
