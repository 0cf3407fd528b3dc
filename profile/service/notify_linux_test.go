package service

import (
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestNotifier(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "clawd-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/notify", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", dir+"/notify")

	var notifier Notifier
	for _, test := range []struct {
		send func() error
		want string
	}{
		{func() error { return notifier.Ready("ok, 2 peers") }, "READY=1\nSTATUS=ok, 2 peers"},
		{func() error { return notifier.Status("degraded\nREADY=1") }, "STATUS=degraded READY=1"},
		{notifier.Beat, "WATCHDOG=1"},
		{notifier.Stopping, "STOPPING=1"},
	} {
		if err := test.send(); err != nil {
			t.Fatal(err)
		}
		message := make([]byte, 256)
		n, err := conn.Read(message)
		if err != nil || string(message[:n]) != test.want {
			t.Errorf("got %q, %v; want %q", message[:n], err, test.want)
		}
	}
}

func TestNotifierWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	var notifier Notifier
	if err := notifier.Ready("ok"); err != nil {
		t.Error(err)
	}
	if interval, ok := notifier.Watchdog(); ok {
		t.Errorf("a watchdog of %v where there is none", interval)
	}
}

func TestWatchdogInterval(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "10000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	if interval, ok := (Notifier{}).Watchdog(); !ok || interval != 5*time.Second {
		t.Errorf("got %v, %v; want 5s", interval, ok)
	}
	t.Setenv("WATCHDOG_PID", "1")
	if _, ok := (Notifier{}).Watchdog(); ok {
		t.Error("another process's watchdog was taken for ours")
	}
}
