package postmortem

import (
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
)

func TestFinding(t *testing.T) {
	ran := profile.Instance{Process: proc.Identity{PID: 7}}
	stopped := profile.Instance{StoppedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)}
	over := []msg.Incident{{State: msg.IncidentResolved, Summary: "main hung"}, {State: msg.IncidentOpen, Summary: "main crashed"}}
	refused := &msg.ConfigState{Issues: []string{"clawdbot.json:3:1: no", "second"}}
	for want, r := range map[string]Report{
		"main hung": {Incidents: []msg.Incident{{State: msg.IncidentHeld, Summary: "main hung"}}, Alive: true},
		"It runs; its last trouble is over: main hung": {Incidents: over, Alive: true},
		"It runs": {Alive: true},
		"Its process runs and does not answer: it is suspended":                                             {Alive: true, Incidents: over, Missing: []Missing{{"log", "none"}, {"checkpoint", "it is suspended"}}},
		"It runs; its config file cannot be used: clawdbot.json:3:1: no":                                    {Alive: true, Config: refused, Incidents: over},
		"It was stopped in order at 2026-01-02 03:04:05":                                                    {Instance: stopped, Incidents: over},
		"It does not run; its config file cannot be used: clawdbot.json:3:1: no":                            {Config: refused},
		"Its process 7 is gone, and nobody knows how it ended":                                              {Instance: ran, Incidents: over},
		"Its process 7 is gone, ended by SIGKILL":                                                           {Instance: ran, Service: &service.Status{ExecMainCode: "killed", ExecMainStatus: 9, Signal: "SIGKILL"}},
		"Its process 7 is gone, ended by signal 9":                                                          {Instance: ran, Service: &service.Status{ExecMainCode: "killed", ExecMainStatus: 9}},
		"Its process 7 is gone, with exit status 78; its config file cannot be used: clawdbot.json:3:1: no": {Instance: ran, Config: refused, Service: &service.Status{ExecMainCode: "exited", ExecMainStatus: 78}},
	} {
		if got := finding(r); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
