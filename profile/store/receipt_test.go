package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answering is work that answers text.
func answering(text string) func(context.Context) (json.RawMessage, error) {
	return func(context.Context) (json.RawMessage, error) { return json.RawMessage(text), nil }
}

// once calls Once and tells its results in one line.
func once(r *Receipts, key string, do func(context.Context) (json.RawMessage, error)) string {
	answer, replayed, err := r.Once(context.Background(), key, do)
	return fmt.Sprintf("%s %v %v", answer, replayed, err)
}

func TestReceipts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, Config{Dir: dir})
	r := NewReceipts(s, "agent", time.Hour, 100)
	refuse := func(context.Context) (json.RawMessage, error) { return nil, errors.New("busy") }
	expect := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	expect(once(r, "send/1", refuse), " false busy")
	expect(once(r, "send/1", answering(`{"n":1}`)), `{"n":1} false <nil>`)
	expect(once(r, "send/1", refuse), `{"n":1} true <nil>`)
	expect(once(r, "send/2", answering(`2`)), `2 false <nil>`)
	closeStore(t, s)

	s = open(t, Config{Dir: dir})
	defer closeStore(t, s)
	r = NewReceipts(s, "agent", time.Hour, 100)
	expect(once(r, "send/1", refuse), `{"n":1} true <nil>`)
	for _, key := range []string{"", "a\nb", strings.Repeat("a", 513)} {
		if _, _, err := r.Once(t.Context(), key, answering(`1`)); !errors.Is(err, ErrKey) {
			t.Errorf("key %.8q: %v", key, err)
		}
	}
}

func TestReceiptsAreShared(t *testing.T) {
	s := fresh(t)
	r := NewReceipts(s, "agent", time.Hour, 100)
	started, finish := make(chan struct{}), make(chan struct{})
	slow := func(context.Context) (json.RawMessage, error) {
		close(started)
		<-finish
		return json.RawMessage(`1`), nil
	}
	results := make(chan string)
	go func() { results <- once(r, "k", slow) }()
	<-started
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("impatient"))
	if _, _, err := r.Once(ctx, "k", answering(`2`)); err == nil || err.Error() != "impatient" {
		t.Errorf("one that does not wait: %v", err)
	}
	for range 10 {
		go func() { results <- once(r, "k", answering(`2`)) }()
	}
	close(finish)
	count := map[string]int{}
	for range 11 {
		count[<-results]++
	}
	if count["1 false <nil>"] != 1 || count["1 true <nil>"] != 10 {
		t.Errorf("results %v", count)
	}
}

// The first one's context ends, or it panics: the one that waits does it.
func TestReceiptsOfOneThatGivesUp(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context) error{
		"cancelled": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"panics":    func(ctx context.Context) error { <-ctx.Done(); panic("work broke") },
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReceipts(fresh(t), "agent", time.Hour, 100)
			ctx, cancel := context.WithCancel(t.Context())
			started := make(chan struct{})
			go func() {
				defer func() { _ = recover() }()
				_, _, _ = r.Once(ctx, "k", func(ctx context.Context) (json.RawMessage, error) { close(started); return nil, end(ctx) })
			}()
			<-started
			waiter := make(chan string)
			go func() { waiter <- once(r, "k", answering(`2`)) }()
			cancel()
			if got := <-waiter; got != "2 false <nil>" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestReceiptsAreBounded(t *testing.T) {
	s := fresh(t)
	r := NewReceipts(s, "agent", time.Hour, 16)
	for i := range 100 {
		once(r, fmt.Sprint(i), answering(`1`))
	}
	count := func() (n int) {
		for _, err := range r.kept.All() {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	if n := count(); n < 16 || n > 18 {
		t.Errorf("%d receipts are kept, want 16 and an eighth at most", n)
	}
	if err := r.kept.Put("old", receipt{At: time.Now().Add(-2 * time.Hour).UnixMilli(), Answer: json.RawMessage(`1`)}); err != nil {
		t.Fatal(err)
	}
	if got := once(r, "old", answering(`2`)); got != "2 false <nil>" {
		t.Errorf("an old receipt counted: %s", got)
	}
	r = NewReceipts(s, "agent", -time.Second, 16)
	once(r, "last", answering(`1`))
	if n := count(); n != 0 {
		t.Errorf("%d old receipts are left", n)
	}
}

// What cannot be kept is an error, and is done again.
func TestReceiptsOfAClosedStore(t *testing.T) {
	s := open(t, Config{Dir: filepath.Join(t.TempDir(), "store")})
	r := NewReceipts(s, "agent", time.Hour, 16)
	_, _, err := r.Once(t.Context(), "k", func(context.Context) (json.RawMessage, error) {
		closeStore(t, s)
		return json.RawMessage(`1`), nil
	})
	if !errors.Is(err, ErrClosed) || !strings.HasPrefix(err.Error(), "keep the answer: ") {
		t.Errorf("got %v", err)
	}
}
