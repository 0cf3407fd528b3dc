package servicetest

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds each step of the manager's life. All of them take milliseconds on an idle machine.
const patience = 20 * time.Second

// UserManager starts a user instance of systemd and returns how to reach it. At the end of the test it and all its units are gone.
// Without systemd or dbus-daemon the test is skipped, or fails where CI=true.
func UserManager(t testing.TB) *Env {
	t.Helper()
	systemd := find(t, "systemd", "/usr/lib/systemd/systemd", "/lib/systemd/systemd")
	find(t, "systemctl")
	dbus := find(t, "dbus-daemon")
	releaseBooted, err := holdBooted()
	if err != nil {
		lacking(t, err.Error())
	}
	t.Cleanup(releaseBooted)

	// The path of a Unix socket holds 107 bytes, too few for t.TempDir.
	dir, err := os.MkdirTemp("/tmp", "clawd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	env := &Env{Home: dir + "/home", ConfigHome: dir + "/home/.config", RuntimeDir: dir + "/run", path: os.Getenv("PATH")}
	// The distribution's own sockets and timers have no place in a test.
	units := filepath.Join(env.RuntimeDir, "systemd", "user")
	for _, dir := range []string{env.ConfigHome, units} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, target := range []string{"sockets.target", "timers.target", "paths.target"} {
		if err := os.Symlink("/dev/null", filepath.Join(units, target)); err != nil {
			t.Fatal(err)
		}
	}
	startBus(t, env, dbus)
	startManager(t, env, systemd)
	return env
}

// find returns the first of the paths that is there, by default the one in PATH.
func find(t testing.TB, program string, paths ...string) string {
	t.Helper()
	for _, path := range append(paths, program) {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	lacking(t, program+" is not installed (Debian: apt-get install systemd dbus)")
	return ""
}

func lacking(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// startBus starts the session bus and waits for the address it prints once it listens.
func startBus(t testing.TB, env *Env, dbus string) {
	t.Helper()
	cmd := exec.Command(dbus, "--session", "--nofork", "--nopidfile", "--print-address=1", "--address="+env.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	cmd.Env = env.Environ()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("dbus-daemon: %v: %s", err, &stderr)
	}
}

// startManager starts systemd in control groups of its own, because it moves every process of the group it starts in, and waits until it
// says READY=1.
func startManager(t testing.TB, env *Env, systemd string) {
	t.Helper()
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: env.RuntimeDir + "/ready", Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	if err := notify.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}

	vars := append(env.Environ(), "NOTIFY_SOCKET="+env.RuntimeDir+"/ready")
	// Its only other target without a journal is the machine's console.
	args := []string{systemd, "--user", "--unit=basic.target", "--log-target=null"}
	groups, err := makeGroups()
	if err == nil {
		join := []string{"sh", "-c", `n=$1; shift; while [ $n -gt 0 ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; n=$((n-1)); done; exec "$@"`, "sh"}
		args = append(append(append(join, fmt.Sprint(len(groups))), groups...), args...)
	} else {
		// Without the right to make groups, ask the systemd of the user who runs the test for one.
		args = append(append([]string{"systemd-run", "--user", "--scope", "--quiet", "--property=Delegate=yes", "env", "-i"}, vars...), args...)
		vars = os.Environ()
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = vars
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second // a unit may hold the pipe open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		stopManager(t, cmd.Process, ended)
		removeGroups(t, groups)
	})
	go func() { <-ended; _ = notify.SetReadDeadline(time.Unix(1, 0)) }()
	if err := awaitReady(notify); err != nil {
		stopManager(t, cmd.Process, ended)
		t.Fatalf("systemd --user did not get ready: %v: %s", err, &said)
	}
}

func awaitReady(notify *net.UnixConn) error {
	message := make([]byte, 4096)
	for {
		n, err := notify.Read(message)
		if err != nil {
			return err
		}
		if strings.Contains(string(message[:n]), "READY=1") {
			return nil
		}
	}
}

// stopManager ends systemd, which ends its units first.
func stopManager(t testing.TB, manager *os.Process, ended <-chan struct{}) {
	_ = manager.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("systemd --user did not stop when asked")
		_ = manager.Kill()
		<-ended
	}
}
