package store

import (
	"encoding/json"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// Entry is one value of a Keyspace.
type Entry[T any] struct {
	ID    string
	Value T
}

// Keyspace holds values of one type under string ids. It is a small value, safe from many goroutines unless it is bound
// to an update.
type Keyspace[T any] struct {
	scope
	component, kind string
}

// NewKeyspace returns the keyspace <component>/<kind> of s. Each of its calls returns ErrKey if these are not words
// that the package comment allows.
func NewKeyspace[T any](s *Store, component, kind string) Keyspace[T] {
	return Keyspace[T]{scope{store: s}, component, kind}
}

// With returns the keyspace as tx sees it: reads see the update's own writes, and writes become part of it.
func (k Keyspace[T]) With(tx *Tx) Keyspace[T] {
	k.tx = tx
	return k
}

// Get returns the value under id, or ErrNotFound.
func (k Keyspace[T]) Get(id string) (T, error) {
	var zero T
	key, err := k.key(id)
	if err != nil {
		return zero, err
	}
	raw, err := k.get(key)
	if err != nil {
		return zero, err
	}
	return decode[T](key, raw)
}

// Put writes v under id, over what was there.
func (k Keyspace[T]) Put(id string, v T) error {
	key, err := k.key(id)
	if err != nil {
		return err
	}
	raw, err := encode(key, v)
	if err != nil {
		return err
	}
	return k.update(func(b *pebble.Batch) error { return b.Set([]byte(key), raw, nil) })
}

// Delete removes id. An id that is not there is no error.
func (k Keyspace[T]) Delete(id string) error {
	key, err := k.key(id)
	if err != nil {
		return err
	}
	return k.update(func(b *pebble.Batch) error { return b.Delete([]byte(key), nil) })
}

// All returns every entry in the order of the ids' bytes, as of one moment. An error comes last, with a zero Entry.
func (k Keyspace[T]) All() iter.Seq2[Entry[T], error] { return k.Scan("") }

// Scan is All for the ids that begin with start.
func (k Keyspace[T]) Scan(start string) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		space, err := prefix(k.component, k.kind)
		if err != nil {
			yield(Entry[T]{}, err)
			return
		}
		from, to := bounds(space + start)
		stop := false
		scanErr := k.scan(from, to, func(key, raw []byte) bool {
			var v T
			if v, err = decode[T](string(key), raw); err != nil {
				return false
			}
			stop = !yield(Entry[T]{ID: string(key[len(space):]), Value: v}, nil)
			return !stop
		})
		if err == nil {
			err = scanErr
		}
		if err != nil && !stop {
			yield(Entry[T]{}, err)
		}
	}
}

func (k Keyspace[T]) key(id string) (string, error) {
	space, err := prefix(k.component, k.kind)
	if err != nil {
		return "", err
	}
	return space + id, checkID(id)
}

func encode(key string, v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", printKey(key), err)
	}
	return raw, nil
}

func decode[T any](key string, raw []byte) (T, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("decode %s: %w", printKey(key), err)
	}
	return v, nil
}
