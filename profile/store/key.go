package store

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxID  = 512       // bytes in a string id
	maxSeq = 1<<56 - 1 // so that the first byte of a sequence key is zero
)

// prefix returns "<component>/<kind>/", the common beginning of a keyspace's keys.
func prefix(component, kind string) (string, error) {
	for _, word := range []string{component, kind} {
		bad := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
		if word == "" || strings.ContainsFunc(word, bad) {
			return "", fmt.Errorf("%w: %q is not a word of a-z, 0-9 and -", ErrKey, word)
		}
	}
	return component + "/" + kind + "/", nil
}

func checkID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%w: empty id", ErrKey)
	case len(id) > maxID:
		return fmt.Errorf("%w: id of %d bytes, at most %d", ErrKey, len(id), maxID)
	case !utf8.ValidString(id):
		return fmt.Errorf("%w: id %q is not UTF-8", ErrKey, id)
	case strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("%w: id %q holds a control character", ErrKey, id)
	}
	return nil
}

func seqID(seq uint64) string {
	return string(binary.BigEndian.AppendUint64(nil, seq))
}

// parseSeq tells whether a stored id is a sequence number, and which.
func parseSeq(id string) (uint64, bool) {
	if len(id) != 8 || id[0] != 0 {
		return 0, false
	}
	return binary.BigEndian.Uint64([]byte(id)), true
}

// splitKey splits a stored key into its keyspace, with both slashes, and its id.
func splitKey(key string) (space, id string, ok bool) {
	first := strings.IndexByte(key, '/')
	second := strings.IndexByte(key[first+1:], '/')
	if first < 0 || second < 0 {
		return "", "", false
	}
	at := first + second + 2
	return key[:at], key[at:], true
}

// printKey renders a stored key for people: a sequence number as a decimal number, and all else as it is.
func printKey(key string) string {
	if space, id, ok := splitKey(key); ok {
		if seq, ok := parseSeq(id); ok {
			return space + strconv.FormatUint(seq, 10)
		}
	}
	return key
}

// parseKey returns the stored keys that printKey renders as s: s itself, and its sequence key if it ends in a number.
func parseKey(s string) []string {
	keys := []string{s}
	if space, id, ok := splitKey(s); ok {
		seq, err := strconv.ParseUint(id, 10, 64)
		if err == nil && seq <= maxSeq && strconv.FormatUint(seq, 10) == id {
			keys = append(keys, space+seqID(seq))
		}
	}
	return keys
}

// bounds returns the half-open range of keys that begin with p, for iterators. Nil means no bound.
func bounds(p string) (start, end []byte) {
	if p == "" {
		return nil, nil // Pebble takes an empty start for a mistake
	}
	start, end = []byte(p), []byte(p)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return start, end[:i+1]
		}
	}
	return start, nil
}
