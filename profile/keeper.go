package profile

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"clawdbot/profile/proc"
)

// longestSocket fits sun_path of every system, see unix(7): 104 with its zero on macOS.
const longestSocket = 103

// ListenKeeper opens the socket over which this process, which keeps gateways
// running, is asked of them and told to start them: in a folder of the registry
// that only this user may enter, or a temporary one when its path is too long for
// a socket. The socket has this process's number for its name; what dead keepers
// left there is removed. Closing the listener removes it.
func (r Registry) ListenKeeper() (net.Listener, error) {
	dir, name := filepath.Join(r.dir, "keepers"), strconv.Itoa(os.Getpid())+".sock"
	if len(filepath.Join(dir, name)) > longestSocket {
		short, err := os.MkdirTemp("", "clawdbot-") // MkdirTemp makes 0700
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
		number, _ := strings.CutSuffix(e.Name(), ".sock")
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
