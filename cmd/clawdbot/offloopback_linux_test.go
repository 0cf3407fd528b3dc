package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inNamespace marks the process of this test that has a network of its own.
const inNamespace = "CLAWDBOT_TEST_NETWORK"

// TestOffLoopback runs the scripts in testdata/offloopback in a network namespace
// of its own, whose loopback device also has the addresses 192.0.2.7 (of
// documentation, see RFC 5737) and 100.64.0.7 (as Tailscale gives them).
func TestOffLoopback(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		runScripts(t, filepath.Join("testdata", "offloopback"))
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	inside := exec.Command("unshare", "--map-root-user", "--net", "sh", "-c",
		`ip link set lo up && ip addr add 192.0.2.7/32 dev lo && ip addr add 100.64.0.7/32 dev lo && exec "$0" -test.v -test.run '^TestOffLoopback$'`, self)
	inside.Env = append(os.Environ(), inNamespace+"=1")
	out, err := inside.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestOffLoopback") {
		t.Errorf("%v\n%s", err, out)
	}
}
