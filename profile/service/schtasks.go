package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// schtasks steers the Windows task scheduler. Its own output is translated to the user's language, so the state is asked of PowerShell.
type schtasks struct{ run runTool }

func (s schtasks) call(ctx context.Context, name string, args ...string) (string, error) {
	out, err := s.run(ctx, name, args...)
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%w: there is no %s on this host", ErrNoManager, name)
	}
	return out, err
}

// taskQuery prints null for a task that is not there. The name has no quote: Name checked it.
const taskQuery = `$t = Get-ScheduledTask -TaskName '%s' -ErrorAction SilentlyContinue
if ($t) { @{State = [int]$t.State; Enabled = $t.Settings.Enabled; LastTaskResult = ($t | Get-ScheduledTaskInfo).LastTaskResult} | ConvertTo-Json -Compress } else { 'null' }`

func (s schtasks) status(ctx context.Context, f unitFile) (Status, error) {
	out, err := s.call(ctx, "powershell.exe", "-NoProfile", "-NonInteractive", "-Command", fmt.Sprintf(taskQuery, f.name))
	if err != nil {
		return Status{}, err
	}
	var task *struct {
		State          int
		Enabled        bool
		LastTaskResult int64
	}
	if err := json.Unmarshal([]byte(strings.TrimSpace(out)), &task); err != nil {
		return Status{}, fmt.Errorf("task %s: %w", f.name, err)
	}
	if task == nil {
		return Status{Unit: f.name}, nil
	}
	// TASK_STATE of taskschd.h.
	states := map[int]string{1: "Disabled", 2: "Queued", 3: "Ready", 4: "Running"}
	status := Status{Unit: f.name, Installed: true, Enabled: task.Enabled, State: states[task.State], Active: task.State == 4}
	// Larger ones are the scheduler's own (0x41301: running, 0x41303: never ran), not exit statuses.
	if task.LastTaskResult >= 0 && task.LastTaskResult < 256 {
		status.ExecMainStatus, status.ExecMainCode = int(task.LastTaskResult), "exited"
	}
	return status, nil
}

func (s schtasks) adopt(ctx context.Context, f unitFile) error {
	return s.task(ctx, "/Create", f, "/XML", f.path, "/F")
}

func (s schtasks) drop(ctx context.Context, f unitFile) error {
	status, err := s.status(ctx, f)
	if err != nil || !status.Installed {
		return err
	}
	if err := s.stop(ctx, f); err != nil {
		return err
	}
	return s.task(ctx, "/Delete", f, "/F")
}

func (s schtasks) forget(context.Context, unitFile) error { return nil }

func (s schtasks) start(ctx context.Context, f unitFile) error { return s.task(ctx, "/Run", f) }

// stop waits until the scheduler no longer calls the task running; with IgnoreNew a start before that is lost.
func (s schtasks) stop(ctx context.Context, f unitFile) error {
	ctx, cancel := context.WithTimeout(ctx, toolLimit)
	defer cancel()
	for ended := false; ; ended = true {
		status, err := s.status(ctx, f)
		if err != nil || !status.Active {
			return err
		}
		if !ended {
			if err := s.task(ctx, "/End", f); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stop %s: %w", f.name, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s schtasks) restart(ctx context.Context, f unitFile) error {
	if err := s.stop(ctx, f); err != nil {
		return err
	}
	return s.start(ctx, f)
}

func (s schtasks) task(ctx context.Context, verb string, f unitFile, more ...string) error {
	_, err := s.call(ctx, "schtasks.exe", append([]string{verb, "/TN", f.name}, more...)...)
	return err
}
