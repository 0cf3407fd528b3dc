//go:build unix

package tape

import (
	"bytes"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"
)

// processor is the processor time that this process has used: other than the
// clock's, it does not grow while others have the processors.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// What comes from outside must not keep the recorder busy for more than its size:
// eight times as much takes about eight times the work, and not sixty-four times.
func TestRedactIsLinear(t *testing.T) {
	r := NewRedactor(known)
	least := func(body []byte) time.Duration { // of several, as the collector works beside
		best := time.Duration(math.MaxInt64)
		for range 5 {
			began := processor(t)
			r.Redact(body)
			best = min(best, processor(t)-began)
		}
		return best
	}
	for _, part := range []string{"--", "b-", "eyJ-", "eyJabcdefgh.", "S-", "sk-", "://", "password=\"\"", "a=", `\`, `{\"`, "-----BEGIN ", "1:", "Basic ", "tokens:1 "} {
		small := []byte(strings.Repeat(part, 64<<10/len(part)))
		one, eight := least(small), least(bytes.Repeat(small, 8))
		if eight > 32*max(one, time.Millisecond) {
			t.Errorf("%q: %d bytes take %s, eight times as much %s", part, len(small), one, eight)
		}
	}
}
