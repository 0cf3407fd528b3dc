package store

import (
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
)

// Record is one value of a Log.
type Record[T any] struct {
	Seq   uint64
	Value T
}

// Log holds values of one type in the order in which they were appended, under sequence numbers from 1. A number is
// never given twice, even after its record was deleted. It is a small value, safe from many goroutines unless it is
// bound to an update.
type Log[T any] struct {
	scope
	component, kind string
}

// NewLog returns the log <component>/<kind> of s. Each of its calls returns ErrKey if these are not words that the
// package comment allows.
func NewLog[T any](s *Store, component, kind string) Log[T] {
	return Log[T]{scope{store: s}, component, kind}
}

// With returns the log as tx sees it: reads see the update's own writes, and writes become part of it.
func (l Log[T]) With(tx *Tx) Log[T] {
	l.tx = tx
	return l
}

// Append writes v behind the last record and returns its number.
func (l Log[T]) Append(v T) (uint64, error) {
	space, err := prefix(l.component, l.kind)
	if err != nil {
		return 0, err
	}
	raw, err := encode(space, v)
	if err != nil {
		return 0, err
	}
	var seq uint64
	err = l.update(func(b *pebble.Batch) error {
		if seq, err = l.next(b); err != nil {
			return err
		}
		return b.Set([]byte(space+seqID(seq)), raw, nil)
	})
	if err != nil {
		return 0, err
	}
	return seq, nil
}

// next takes the log's next number. The last one is kept apart from the records, which may all be trimmed.
func (l Log[T]) next(b *pebble.Batch) (uint64, error) {
	key := "store/seq/" + l.component + "/" + l.kind
	var last uint64
	raw, err := get(b, key)
	if err == nil {
		last, err = strconv.ParseUint(string(raw), 10, 64)
	}
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return 0, fmt.Errorf("%w: %s: %w", ErrCorrupt, key, err)
	case last >= maxSeq:
		return 0, fmt.Errorf("%w: %s is used up", ErrKey, key)
	}
	return last + 1, b.Set([]byte(key), strconv.AppendUint(nil, last+1, 10), nil)
}

// Get returns the record with the number seq, or ErrNotFound.
func (l Log[T]) Get(seq uint64) (T, error) {
	var zero T
	key, err := l.key(seq)
	if err != nil {
		return zero, err
	}
	raw, err := l.get(key)
	if err != nil {
		return zero, err
	}
	return decode[T](key, raw)
}

// Put writes v over the record seq, or returns ErrNotFound if there is none.
func (l Log[T]) Put(seq uint64, v T) error {
	key, err := l.key(seq)
	if err != nil {
		return err
	}
	raw, err := encode(key, v)
	if err != nil {
		return err
	}
	return l.update(func(b *pebble.Batch) error {
		if _, err := get(b, key); err != nil {
			return err
		}
		return b.Set([]byte(key), raw, nil)
	})
}

// Delete removes the record seq. One that is not there is no error.
func (l Log[T]) Delete(seq uint64) error {
	key, err := l.key(seq)
	if err != nil {
		return err
	}
	return l.update(func(b *pebble.Batch) error { return b.Delete([]byte(key), nil) })
}

// Trim removes all records before seq.
func (l Log[T]) Trim(seq uint64) error {
	end, err := l.key(seq)
	if err != nil {
		return err
	}
	start := end[:len(end)-8]
	return l.update(func(b *pebble.Batch) error { return b.DeleteRange([]byte(start), []byte(end), nil) })
}

// From returns the records from seq on, in order, as of one moment; 0 and 1 both mean all. An error comes last, with a
// zero Record.
func (l Log[T]) From(seq uint64) iter.Seq2[Record[T], error] {
	return func(yield func(Record[T], error) bool) {
		start, err := l.key(max(seq, 1))
		if err != nil {
			yield(Record[T]{}, err)
			return
		}
		_, end := bounds(start[:len(start)-8])
		stop := false
		scanErr := l.scan([]byte(start), end, func(key, raw []byte) bool {
			var r Record[T]
			if r.Value, err = decode[T](string(key), raw); err != nil {
				return false
			}
			r.Seq, _ = parseSeq(string(key[len(start)-8:]))
			stop = !yield(r, nil)
			return !stop
		})
		if err == nil {
			err = scanErr
		}
		if err != nil && !stop {
			yield(Record[T]{}, err)
		}
	}
}

func (l Log[T]) key(seq uint64) (string, error) {
	space, err := prefix(l.component, l.kind)
	if err != nil {
		return "", err
	}
	if seq == 0 || seq > maxSeq {
		return "", fmt.Errorf("%w: sequence number %d", ErrKey, seq)
	}
	return space + seqID(seq), nil
}
