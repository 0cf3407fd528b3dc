package chromium

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestClaim(t *testing.T) {
	l := New(Config{Log: slog.New(slog.DiscardHandler)})
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	// Larger than any pid of Linux (2^22), so nobody has it.
	const dead = "99999999"
	for _, c := range []struct {
		owner string
		want  []string // nil: taken over
	}{
		{host + "-" + dead, nil},
		{host + "-" + strconv.Itoa(os.Getpid()), []string{"in use by process " + strconv.Itoa(os.Getpid()), "end it"}},
		{"other-host-" + dead, []string{"process " + dead, "on host other-host"}},
		{"odd", []string{"odd lock", "remove"}},
	} {
		folder, temp := filepath.Join(t.TempDir(), "user-data"), t.TempDir()
		if err := l.claim(folder); err != nil {
			t.Fatal(err)
		}
		hung := filepath.Join(temp, "org.chromium.Chromium.x")
		for _, err := range []error{
			os.Mkdir(hung, 0o700),
			os.WriteFile(filepath.Join(hung, singletonSocket), nil, 0o600),
			os.Symlink(filepath.Join(hung, singletonSocket), filepath.Join(folder, singletonSocket)),
			os.Symlink(c.owner, filepath.Join(folder, singletonLock)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		err := l.claim(folder)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", c.owner, err, want)
			}
		}
		_, lockErr := os.Lstat(filepath.Join(folder, singletonLock))
		_, tempErr := os.Stat(hung)
		if taken := err == nil; taken != (c.want == nil) || taken != os.IsNotExist(lockErr) || taken != os.IsNotExist(tempErr) {
			t.Errorf("%s: %v, lock %v, temporary folder %v", c.owner, err, lockErr, tempErr)
		}
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.claim(filepath.Join(blocked, "user-data")); err == nil || !strings.Contains(err.Error(), blocked) {
		t.Errorf("a folder that cannot be made: %v", err)
	}
}
