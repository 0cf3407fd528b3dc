package cli

import (
	"os"
	"testing"
)

func suspend(t *testing.T, _ *os.Process) {
	t.Helper()
	t.Skip("Windows has no signal that suspends")
}
