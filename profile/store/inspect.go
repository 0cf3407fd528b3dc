package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/sstable"
)

// KeyInfo describes one key.
type KeyInfo struct {
	Key  string `json:"key"`  // sequence numbers in decimal
	Size int    `json:"size"` // of the value, in bytes
}

// List returns the keys that begin with prefix in key order, at most limit of them; a limit of 0 or less means all. The
// prefix is compared with the stored bytes, so part of a sequence number matches nothing.
func (s *Store) List(prefix string, limit int) ([]KeyInfo, error) {
	var keys []KeyInfo
	start, end := bounds(prefix)
	err := scope{store: s}.scan(start, end, func(key, value []byte) bool {
		keys = append(keys, KeyInfo{Key: printKey(string(key)), Size: len(value)})
		return len(keys) != limit
	})
	return keys, err
}

// GetRaw returns the stored bytes under a key as List prints it, or ErrNotFound.
func (s *Store) GetRaw(key string) ([]byte, error) {
	var first error
	for _, stored := range parseKey(key) {
		value, err := scope{store: s}.get(stored)
		if err == nil {
			return value, nil
		}
		first = errors.Join(first, err)
	}
	if errors.Is(first, ErrNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return nil, first
}

// Report is what Verify counted.
type Report struct {
	Commits   uint64  `json:"commits"`
	Tables    int     `json:"tables"` // table files whose checksums were proved
	Keyspaces []Usage `json:"keyspaces"`
}

// Usage is the size of one keyspace.
type Usage struct {
	Keyspace string `json:"keyspace"` // <component>/<kind>
	Keys     int    `json:"keys"`
	Bytes    int64  `json:"bytes"` // keys and values
}

// Verify reads every block of every table from the disk, and every key and value, and counts them. Damage is ErrCorrupt
// and names the file. It may run beside writers; the log, and the end mark, were proved when the store was opened.
func (s *Store) Verify(ctx context.Context) (Report, error) {
	if err := s.begin(); err != nil {
		return Report{}, err
	}
	defer s.ops.Done()
	var r Report
	levels, err := s.db.SSTables()
	if err != nil {
		return r, fmt.Errorf("verify store %s: %w", s.cfg.Dir, classify(err))
	}
	for _, level := range levels {
		for _, table := range level {
			name := s.cfg.FS.PathJoin(s.cfg.Dir, table.BackingSSTNum.String()+".sst")
			err := errors.Join(ctx.Err(), s.verifyTable(ctx, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue // compacted away since
			}
			if err != nil {
				return r, fmt.Errorf("verify %s: %w", name, classify(err))
			}
			r.Tables++
		}
	}
	if err := s.count(ctx, &r); err != nil {
		return r, fmt.Errorf("verify store %s: %w", s.cfg.Dir, err)
	}
	return r, nil
}

func (s *Store) verifyTable(ctx context.Context, name string) error {
	file, err := s.cfg.FS.Open(name)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	opts := s.options()
	opts.EnsureDefaults()
	reader, err := sstable.NewReader(ctx, readable, opts.MakeReaderOptions())
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	return errors.Join(reader.ValidateBlockChecksums(), reader.Close())
}

// count fills in all but Tables.
func (s *Store) count(ctx context.Context, r *Report) error {
	var last *Usage
	var bad error
	err := scope{store: s}.scan(nil, nil, func(key, value []byte) bool {
		space, _, ok := splitKey(string(key))
		if !ok {
			bad = fmt.Errorf("%w: key %q is in no keyspace", ErrCorrupt, key)
			return false
		}
		if name := space[:len(space)-1]; last == nil || last.Keyspace != name {
			r.Keyspaces = append(r.Keyspaces, Usage{Keyspace: name})
			last = &r.Keyspaces[len(r.Keyspaces)-1]
		}
		last.Keys++
		last.Bytes += int64(len(key) + len(value))
		if string(key) == commitKey {
			_, bad = fmt.Sscan(string(value), &r.Commits)
		}
		return bad == nil && ctx.Err() == nil
	})
	return errors.Join(err, bad, ctx.Err())
}
