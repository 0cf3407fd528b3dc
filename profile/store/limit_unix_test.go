//go:build unix

package store

import (
	"errors"
	"fmt"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { childRoles["limit"] = childLimit }

// childLimit fills a store under the kernel's own limit, a file size of 300 KiB, which binds root as well.
func childLimit(dir string) error {
	signal.Ignore(syscall.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 300 << 10, Max: 300 << 10}); err != nil {
		return err
	}
	s, err := Open(Config{Dir: dir})
	if err != nil {
		return err
	}
	n, err := fill(s)
	fmt.Println(n, errors.Is(err, ErrFull), errors.Is(s.Close(), ErrFull))
	return nil
}

func TestFileSizeLimitOfTheKernel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	cmd, lines := startChild(t, "limit", dir)
	lines.Scan()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("child ended with %v", err)
	}
	count, rest, _ := strings.Cut(lines.Text(), " ")
	n, err := strconv.Atoi(count)
	if err != nil || n == 0 || rest != "true true" {
		t.Fatalf("child said %q", lines.Text())
	}
	s := open(t, Config{Dir: dir})
	defer closeStore(t, s)
	if got := countNotes(t, s); got < n {
		t.Errorf("%d notes are there of %d acknowledged", got, n)
	}
}
