package chromium

import (
	"os"
	"os/exec"
	"syscall"
)

// isolate keeps console signals of ours from the process.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills the process; Chromium's children end with it. It is no error
// that it is gone.
func killGroup(p *os.Process) { _ = p.Kill() }
