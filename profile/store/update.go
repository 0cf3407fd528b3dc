package store

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
)

// Tx is one update under way. It is good until its function returns, for one goroutine. Bind keyspaces and logs to it
// with their With method.
type Tx struct{ batch *pebble.Batch }

// Update runs fn and commits, all at once or not at all, what fn wrote through tx. An error of fn is returned as it is,
// and nothing is written. Updates run one at a time, so fn must be quick, and must not write by any other way than tx:
// that would wait for itself. Update blocks until the writes, and all that fn read, are on disk.
func (s *Store) Update(fn func(tx *Tx) error) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.ops.Done()
	batch, n, err := s.apply(fn)
	if batch == nil {
		return err
	}
	defer batch.Close()
	return s.settle(batch, n)
}

// apply runs fn and hands its batch to Pebble without waiting for the disk, so that the next update can share the sync.
// A nil batch means that there is nothing to wait for.
func (s *Store) apply(fn func(tx *Tx) error) (*pebble.Batch, uint64, error) {
	s.write.Lock()
	defer s.write.Unlock()
	switch err := s.fence.down(); {
	case s.cfg.ReadOnly:
		return nil, 0, ErrReadOnly
	case err != nil:
		return nil, 0, err
	}
	batch := s.db.NewIndexedBatch()
	applied := false
	defer func() {
		if !applied {
			_ = batch.Close()
		}
	}()
	if err := fn(&Tx{batch}); err != nil {
		return nil, 0, err
	}
	// A commit of nothing else still waits for what fn may have read.
	if batch.Empty() && s.mark.last() == s.commit {
		return nil, 0, nil
	}
	n := s.commit + 1
	if err := batch.Set([]byte(commitKey), strconv.AppendUint(nil, n, 10), nil); err != nil {
		return nil, 0, err
	}
	if err := s.db.ApplyNoSyncWait(batch, pebble.Sync); err != nil {
		return nil, 0, err
	}
	applied = true
	s.commit = n
	return batch, n, nil
}

// settle waits until commit n is on disk, and tells the end mark.
func (s *Store) settle(batch *pebble.Batch, n uint64) error {
	if err := batch.SyncWait(); err != nil {
		s.fence.fail(err)
	}
	if err := s.fence.down(); err != nil {
		return err
	}
	if err := s.mark.advance(n); err != nil {
		s.fence.fail(err)
	}
	return s.fence.down()
}

// scope is where a keyspace reads and writes: the store, or one update of it.
type scope struct {
	store *Store
	tx    *Tx // nil outside an update
}

func (c scope) get(key string) ([]byte, error) {
	if c.tx != nil {
		return get(c.tx.batch, key)
	}
	if err := c.store.begin(); err != nil {
		return nil, err
	}
	defer c.store.ops.Done()
	return get(c.store.db, key)
}

func (c scope) update(fn func(b *pebble.Batch) error) error {
	if c.tx != nil {
		return fn(c.tx.batch)
	}
	return c.store.Update(func(tx *Tx) error { return fn(tx.batch) })
}

// scan calls visit for the pairs in [start, end) in key order until it returns false. Both arguments are good for the
// call only. It sees one moment of the store.
func (c scope) scan(start, end []byte, visit func(key, value []byte) bool) error {
	var reader pebble.Reader = c.store.db
	if c.tx != nil {
		reader = c.tx.batch
	} else {
		if err := c.store.begin(); err != nil {
			return err
		}
		defer c.store.ops.Done()
	}
	it, err := reader.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: end})
	if err != nil {
		return classify(err)
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return classify(err)
		}
		if !visit(it.Key(), value) {
			return nil
		}
	}
	return classify(it.Error())
}

func get(r pebble.Reader, key string) ([]byte, error) {
	value, closer, err := r.Get([]byte(key))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil, fmt.Errorf("%w: %s", ErrNotFound, printKey(key))
	case err != nil:
		return nil, classify(err)
	}
	defer closer.Close()
	return slices.Clone(value), nil
}
