package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestUpAsTheFirstProcess: in a container up inherits what a member left behind,
// and lets no zombie stay.
func TestUpAsTheFirstProcess(t *testing.T) {
	own := []string{"--pid", "--fork", "--mount-proc", "--kill-child=TERM"}
	if os.Getuid() != 0 {
		own = append(own, "--map-root-user")
	}
	if out, err := exec.Command("unshare", append(own, "true")...).CombinedOutput(); err != nil {
		t.Skipf("this host gives no namespaces: %v: %s", err, out)
	}
	h := newHome(t)
	h.setup("main", h.base)
	up := exec.Command("unshare", append(own, h.env().Exe, "--profile", "main", "up", "main")...)
	up.Env = append(os.Environ(), "HOME="+h.dir, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=")
	var said syncBuffer
	up.Stdout, up.Stderr = &said, &said
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	var first int // up, as this process numbers it
	t.Cleanup(func() {
		_ = up.Process.Kill() // which ends its child in order
		_ = up.Wait()
		await(t, "its end", func() bool { return parentOf(first) == 0 })
	})
	await(t, "up runs the gateway", func() bool {
		first = childOf(up.Process.Pid, "")
		return first != 0 && strings.Contains(said.String(), "ready")
	})
	// A shell from outside leaves a child to the first process.
	out, err := exec.Command("nsenter", "--target", strconv.Itoa(first), "--pid", "--mount", "sh", "-c", "sleep 0.7 >&- 2>&- & echo $!").Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	await(t, "up inherits it", func() bool { return childOf(first, "sleep") != 0 })
	await(t, "up lets no zombie stay", func() bool { return childOf(first, "sleep") == 0 })
	if !strings.Contains(said.String(), "ready") || strings.Contains(said.String(), "ended (") {
		t.Errorf("it said: %s", &said)
	}
}

// childOf finds a child by its name, also a zombie; 0 is none.
func childOf(parent int, name string) int {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range all {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
		if parentOf(pid) == parent && bytes.Contains(comm, []byte(name)) {
			return pid
		}
	}
	return 0
}

// parentOf is 0 for a process that is gone.
func parentOf(pid int) int {
	body, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(body[bytes.LastIndexByte(body, ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}
