package pairing

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"clawdbot/profile/store"
)

// TTL is how long a request waits for an operator.
const TTL = 5 * time.Minute

const (
	maxFromAddress = 8
	maxWaiting     = 64
	maxRequest     = 16 << 10    // bytes of one request's JSON
	replaceAfter   = time.Second // from one request to another in its place: each is written and told
)

var (
	// ErrUnknownRequest says that no such request waits: it never did, was
	// decided, replaced, or its time is over.
	ErrUnknownRequest = errors.New("unknown requestId")
	// ErrTooLarge says that a request says more of itself than is kept.
	ErrTooLarge = fmt.Errorf("the pairing request is larger than %d KiB", maxRequest>>10)
)

// FullError says that too many requests wait already.
type FullError struct {
	From       string        // the address of which there are too many; "" when it is all together
	RetryAfter time.Duration // when the oldest one's time is over
}

func (e *FullError) Error() string {
	if e.From == "" {
		return "too many pairing requests wait: approve or reject some, or try again later"
	}
	return "too many pairing requests from " + e.From + " wait: approve or reject some, or try again later"
}

// request is what waits: a device's or a node's.
type request interface {
	requestID() string
	subject() string // whose it is
	address() string
	askedAt() int64
}

// waiting are the requests of one kind.
type waiting[R request] struct {
	kept store.Keyspace[R]
	now  func() time.Time
}

func (w waiting[R]) with(tx *store.Tx) waiting[R] {
	w.kept = w.kept.With(tx)
	return w
}

// add lets r wait, in an update. It returns the request that waits already if
// same says that it asks for the same.
func (w waiting[R]) add(r R, same func(old R) bool) (waits R, created bool, err error) {
	if body, err := json.Marshal(r); err != nil || len(body) > maxRequest {
		return r, false, errors.Join(err, ErrTooLarge)
	}
	list, err := w.clear()
	if err != nil {
		return r, false, err
	}
	neighbours := list[:0:0]
	all := 0
	for _, old := range list {
		switch {
		case old.subject() != r.subject():
			all++
			if old.address() == r.address() {
				neighbours = append(neighbours, old)
			}
		case same(old):
			return old, false, nil
		case w.age(old).Abs() < replaceAfter:
			return r, false, &FullError{From: r.address(), RetryAfter: replaceAfter}
		default:
			if err := w.kept.Delete(old.requestID()); err != nil {
				return r, false, err
			}
		}
	}
	switch {
	case all >= maxWaiting:
		return r, false, &FullError{RetryAfter: w.left(list)}
	case len(neighbours) >= maxFromAddress:
		return r, false, &FullError{From: r.address(), RetryAfter: w.left(neighbours)}
	}
	return r, true, w.kept.Put(r.requestID(), r)
}

// clear removes the requests whose time is over, in an update, and returns the
// others, the newest first.
func (w waiting[R]) clear() ([]R, error) {
	list, over, err := w.list()
	for _, r := range over {
		err = errors.Join(err, w.kept.Delete(r.requestID()))
	}
	return list, err
}

// list returns the requests, the newest first, and those whose time is over.
func (w waiting[R]) list() (list, over []R, err error) {
	list = []R{}
	for e, err := range w.kept.All() {
		switch {
		case err != nil:
			return nil, nil, err
		case w.expired(e.Value):
			over = append(over, e.Value)
		default:
			list = append(list, e.Value)
		}
	}
	slices.SortFunc(list, func(a, b R) int { return int(b.askedAt() - a.askedAt()) })
	return list, over, nil
}

// get returns a request that waits.
func (w waiting[R]) get(id string) (R, error) {
	r, err := w.kept.Get(id)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrKey), err == nil && w.expired(r):
		return r, ErrUnknownRequest
	}
	return r, err
}

// take is get that removes it, in an update.
func (w waiting[R]) take(id string) (R, error) {
	r, err := w.get(id)
	if err != nil {
		return r, err
	}
	return r, w.kept.Delete(id)
}

// expired also holds for a request of the future: the clock was set back.
func (w waiting[R]) expired(r R) bool {
	age := w.age(r)
	return age >= TTL || age < -TTL
}

func (w waiting[R]) age(r R) time.Duration { return w.now().Sub(time.UnixMilli(r.askedAt())) }

// left is the time until one of the requests has none left; the oldest is last.
func (w waiting[R]) left(list []R) time.Duration {
	oldest := list[len(list)-1]
	return max(0, time.UnixMilli(oldest.askedAt()).Add(TTL).Sub(w.now()))
}

// newToken returns a token with at least 128 random bits, and the hash that is
// kept of it.
func newToken() (token, hash string) {
	token = rand.Text()
	return token, HashToken(token)
}

// HashToken is what is kept of a token: its SHA-256, in hex.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// equal compares hashes in constant time. An empty one is equal to none.
func equal(a, b string) bool {
	return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
