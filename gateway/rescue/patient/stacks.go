package patient

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clawdbot/profile"
)

const (
	stacksFolder = "stacks"                  // in the own state folder
	stacksTime   = "20060102-150405.000.txt" // ends a name, UTC
	stacksKept   = 20
	stacksMax    = 8 << 20
)

// stacksSlack is how much earlier than the first sign of trouble a crash may
// have begun to be written: it ends the process only when it is all out.
const stacksSlack = 5 * time.Second

// keepStacks copies the peer's newest crash output to the own state folder when
// it belongs to a failure that began at since, and returns the copy's path, else
// "". The peer's next start gives its file another name, and keeps few.
func (h *Hands) keepStacks(peer profile.Instance, since time.Time) (string, error) {
	from, at, ok := profile.LatestCrash(peer.StateDir)
	if !ok || at.Before(since.Add(-stacksSlack)) {
		return "", nil
	}
	dir := filepath.Join(h.own.StateDir, stacksFolder)
	to := filepath.Join(dir, peer.Profile+"-"+at.UTC().Format(stacksTime))
	if err := copyStacks(from, to); err != nil {
		return "", fmt.Errorf("keep the stacks of %s: %w", peer.Profile, err)
	}
	return to, forgetStacks(dir)
}

func copyStacks(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, io.LimitReader(src, stacksMax))
	return errors.Join(err, dst.Close())
}

// forgetStacks removes all but the newest copies.
func forgetStacks(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	when := func(e fs.DirEntry) string { return e.Name()[max(0, len(e.Name())-len(stacksTime)):] }
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(when(b), when(a)) })
	for _, e := range entries[min(stacksKept, len(entries)):] {
		err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
	}
	return err
}
