package proc

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watcher tells of the end of one process through its file descriptor, which
// becomes readable then, see pidfd_open(2).
type watcher struct{ fd *os.File }

// watch fails on kernels before 5.10.
func watch(pid int) (watcher, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return watcher{}, err
	}
	return watcher{os.NewFile(uintptr(fd), "pidfd")}, nil // which is waited for by the runtime's poller: it is non-blocking
}

func (w watcher) wait(ctx context.Context) error {
	raw, err := w.fd.SyscallConn()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = w.fd.SetReadDeadline(time.Unix(1, 0)) })() // long ago: wakes the read below
	err = raw.Read(func(fd uintptr) bool {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err == nil && ready > 0
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ctx.Err()
	}
	return err
}

func (w watcher) close() { _ = w.fd.Close() }
