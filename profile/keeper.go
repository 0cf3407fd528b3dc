package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"clawdbot/profile/proc"
)

// longestSocket fits sun_path of every system, see unix(7): 104 with its zero on macOS.
const longestSocket = 103

// How ListenKeeper names a socket and a folder for one whose path is too long.
const (
	socketSuffix = ".sock"
	shortFolder  = "clawdbot-"
)

func (r Registry) keepers() string { return filepath.Join(r.dir, "keepers") }

// Keeper returns the socket of the `clawdbot up` that keeps the instance's
// gateway, "" when none does. The registry's word is not enough to speak to it:
// one that is not where ListenKeeper makes it, or is not a socket of this user in
// a folder that only this user may enter, is an error. One that is not there is
// returned: whoever asks it learns that nobody answers.
func (r Registry) Keeper(i Instance) (socket string, err error) {
	if i.Keeper == "" {
		return "", nil
	}
	refused := func(why string) (string, error) {
		return "", fmt.Errorf("keeper of %s: %s %s", i.Profile, i.Keeper, why)
	}
	dir, name := filepath.Split(i.Keeper)
	dir = filepath.Clean(dir)
	number, ok := strings.CutSuffix(name, socketSuffix)
	_, notOurs := strconv.Atoi(number)
	tooLong := len(filepath.Join(r.keepers(), name)) > longestSocket
	switch {
	case !ok, notOurs != nil, !filepath.IsAbs(dir), !tooLong && dir != r.keepers(), tooLong && !strings.HasPrefix(filepath.Base(dir), shortFolder):
		return refused("is no socket of a clawdbot up")
	}
	folder, err := os.Lstat(dir)
	if err == nil && (!folder.IsDir() || !private(folder)) {
		return refused("is in a folder that is not this user's alone")
	}
	info, err := os.Lstat(i.Keeper)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return i.Keeper, nil
	case err != nil:
		return "", fmt.Errorf("keeper of %s: %w", i.Profile, err)
	case info.Mode().Type() != fs.ModeSocket || !owned(info):
		return refused("is not a socket of this user")
	}
	return i.Keeper, nil
}

// ListenKeeper opens the socket over which this process, which keeps gateways
// running, is asked of them and told to start them: in a folder of the registry
// that only this user may enter, or a temporary one when its path is too long for
// a socket. The socket has this process's number for its name; what dead keepers
// left there is removed. Closing the listener removes it.
func (r Registry) ListenKeeper() (net.Listener, error) {
	dir, name := r.keepers(), strconv.Itoa(os.Getpid())+socketSuffix
	if len(filepath.Join(dir, name)) > longestSocket {
		short, err := os.MkdirTemp("", shortFolder) // MkdirTemp makes 0700
		if err != nil {
			return nil, fmt.Errorf("keeper: %w", err)
		}
		l, err := listenPrivate(filepath.Join(short, name))
		if err != nil {
			return nil, errors.Join(err, os.Remove(short))
		}
		return folderListener{l, short}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keeper: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil { // it may have been there
		return nil, fmt.Errorf("keeper: %w", err)
	}
	if err := removeDead(dir); err != nil {
		return nil, fmt.Errorf("keeper: %w", err)
	}
	return listenPrivate(filepath.Join(dir, name))
}

func listenPrivate(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("keeper: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("keeper: %w", err), l.Close())
	}
	return l, nil
}

// folderListener removes the folder of its socket too.
type folderListener struct {
	net.Listener
	folder string
}

func (l folderListener) Close() error {
	err := l.Listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	return errors.Join(err, os.Remove(l.folder))
}

// removeDead removes the sockets of keepers that were killed, and of one that had this process's number.
func removeDead(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		number, _ := strings.CutSuffix(e.Name(), socketSuffix)
		pid, notOurs := strconv.Atoi(number)
		if notOurs != nil {
			continue
		}
		if _, alive := proc.Find(pid); pid == os.Getpid() || errors.Is(alive, proc.ErrGone) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
