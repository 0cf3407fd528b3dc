package postmortem

import (
	"fmt"
	"slices"
	"time"

	"clawdbot/bus/msg"
)

// checkpointSource is what a running gateway is asked for, and gives if it works.
const checkpointSource = "checkpoint"

// finding is one sentence: what happened, as far as the parts tell.
func finding(r Report) string {
	if len(r.Incidents) > 0 && r.Incidents[0].State != msg.IncidentResolved {
		return r.Incidents[0].Summary
	}
	refused := ""
	if r.Config != nil && len(r.Config.Issues) > 0 {
		refused = "; its config file cannot be used: " + r.Config.Issues[0]
	}
	i := r.Instance
	silent := slices.IndexFunc(r.Missing, func(m Missing) bool { return m.Source == checkpointSource })
	switch {
	case r.Alive && silent >= 0:
		return "Its process runs and does not answer: " + r.Missing[silent].Why + refused
	case r.Alive && refused == "" && len(r.Incidents) > 0:
		return "It runs; its last trouble is over: " + r.Incidents[0].Summary
	case r.Alive:
		return "It runs" + refused
	case i.Process.PID == 0 && !i.StoppedAt.IsZero():
		return fmt.Sprintf("It was stopped in order at %s%s", i.StoppedAt.Local().Format(time.DateTime), refused)
	case i.Process.PID == 0:
		return "It does not run" + refused
	}
	return fmt.Sprintf("Its process %d is gone%s%s", i.Process.PID, ended(r), refused)
}

// ended is how the process ended, as the service manager has it.
func ended(r Report) string {
	switch s := r.Service; {
	case s == nil || s.ExecMainCode == "":
		return ", and nobody knows how it ended"
	case s.Signal != "":
		return ", ended by " + s.Signal
	case s.ExecMainCode != "exited":
		return fmt.Sprintf(", ended by signal %d", s.ExecMainStatus)
	default:
		return fmt.Sprintf(", with exit status %d", s.ExecMainStatus)
	}
}
