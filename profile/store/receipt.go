package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Receipts keep the answers of what is to be done once, so that who asks again under the same key gets the first answer
// again, also after a restart. They are safe from many goroutines; one keyspace has one Receipts at a time.
//
// The receipt is written after the effect. A crash between the two leaves the effect without its receipt, and the next
// call with the key does it again: across a crash it is at least once. Where that matters, the effect itself has to
// know the key, as a record of this store that is written under it.
type Receipts struct {
	kept Keyspace[receipt]
	keep time.Duration
	most int

	mu      sync.Mutex // guards the rest
	running map[string]*attempt
	fresh   int // receipts written since the last pruning
}

// receipt is an answer that was given.
type receipt struct {
	At     int64           `json:"at"` // Unix milliseconds
	Answer json.RawMessage `json:"answer"`
}

// attempt is a call under way. Its results are set before done is closed.
type attempt struct {
	done   chan struct{}
	answer json.RawMessage
	err    error
	gaveUp bool // the caller's context ended: that is nobody else's error
}

// NewReceipts returns the receipts of a component, in <component>/receipt. A receipt older than keep counts no more. At
// least the newest most of the others stay, and at most an eighth more.
func NewReceipts(s *Store, component string, keep time.Duration, most int) *Receipts {
	most = max(most, 1)
	return &Receipts{
		kept: NewKeyspace[receipt](s, component, "receipt"), keep: keep, most: most,
		running: map[string]*attempt{}, fresh: most, // an earlier life may have left some to prune
	}
}

// Once returns the answer that was kept under key; replayed says so. Without one it calls do and keeps its answer, which
// is on disk before Once returns. Calls that come meanwhile with the same key wait, and share answer or error as replayed.
// An error is not kept: the next call tries again. Once returns ErrKey for a key that is no id, and the context's cause
// when ctx ends while it waits for another call; an error of the store means that do may have been done.
func (r *Receipts) Once(ctx context.Context, key string, do func(ctx context.Context) (json.RawMessage, error)) (answer json.RawMessage, replayed bool, err error) {
	for {
		mine, other := r.begin(key)
		if mine != nil {
			return r.lead(ctx, key, mine, do)
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
		if !other.gaveUp {
			return other.answer, true, other.err
		}
	}
}

// begin returns a new attempt, or the one that is under way.
func (r *Receipts) begin(key string) (mine, other *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.running[key]; other != nil {
		return nil, other
	}
	mine = &attempt{done: make(chan struct{}), gaveUp: true} // until it has a result: do may panic
	r.running[key] = mine
	return mine, nil
}

func (r *Receipts) lead(ctx context.Context, key string, a *attempt, do func(ctx context.Context) (json.RawMessage, error)) (answer json.RawMessage, replayed bool, err error) {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.running, key)
		close(a.done)
	}()
	a.answer, replayed, a.err = r.answer(ctx, key, do)
	a.gaveUp = a.err != nil && ctx.Err() != nil
	return a.answer, replayed, a.err
}

func (r *Receipts) answer(ctx context.Context, key string, do func(ctx context.Context) (json.RawMessage, error)) (answer json.RawMessage, replayed bool, err error) {
	old, err := r.kept.Get(key)
	switch {
	case err == nil && old.At >= time.Now().Add(-r.keep).UnixMilli():
		return old.Answer, true, nil
	case err != nil && !errors.Is(err, ErrNotFound):
		return nil, false, err
	}
	if answer, err = do(ctx); err != nil {
		return nil, false, err
	}
	if err := r.kept.Put(key, receipt{At: time.Now().UnixMilli(), Answer: answer}); err != nil {
		return nil, false, fmt.Errorf("keep the answer: %w", err)
	}
	return answer, false, r.prune()
}

// prune removes what is too old or too much, once for every eighth of the most that is new.
func (r *Receipts) prune() error {
	r.mu.Lock()
	r.fresh++
	due := r.fresh > r.most/8
	if due {
		r.fresh = 0
	}
	r.mu.Unlock()
	if !due {
		return nil
	}
	type row struct {
		key string
		at  int64
	}
	var rows []row
	for e, err := range r.kept.All() {
		if err != nil {
			return fmt.Errorf("prune receipts: %w", err)
		}
		rows = append(rows, row{e.ID, e.Value.At})
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(b.at, a.at) })
	oldest := time.Now().Add(-r.keep).UnixMilli()
	return r.kept.store.Update(func(tx *Tx) error {
		var errs []error
		for i, row := range rows {
			if i >= r.most || row.at < oldest {
				errs = append(errs, r.kept.With(tx).Delete(row.key))
			}
		}
		return errors.Join(errs...)
	})
}
