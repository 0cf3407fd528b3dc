package drill

import (
	"os/exec"

	"clawdbot/profile/proc"
)

// supported says whether a drill can be held on this system.
const supported = false

func suspend(proc.Identity) error { return ErrUnsupported }

func resume(proc.Identity) error { return ErrUnsupported }

func kill(proc.Identity) error { return ErrUnsupported }

func busyLoop() *exec.Cmd { return nil }
