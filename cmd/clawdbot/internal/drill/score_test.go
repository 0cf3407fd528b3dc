package drill

import (
	"slices"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

// aFault is promised to be noticed in 100 ms and over in 2 s.
var aFault = fault{
	Fault: Fault{Name: "kill"}, detect: 100 * time.Millisecond, recover: 2 * time.Second,
	signs: []msg.Verdict{msg.VerdictDown}, kinds: []msg.IncidentKind{msg.KindCrash},
}

// noFault must come to nothing, but that main may say what it likes.
var noFault = fault{Fault: Fault{Name: "busy-host"}, excuses: func(s sign) bool { return s.observer == nameMain }}

func TestScore(t *testing.T) {
	crash := opens(12, nameRescue, "a", msg.KindCrash)
	held := opens(12, nameRescue, "a", msg.KindCrash)
	held.incident.State, held.incident.Result = msg.IncidentHeld, "3 repairs did not help"
	well := []sign{says(1000, nameRescue, msg.VerdictOK), says(1000, nameMain, msg.VerdictOK)}
	good := moments{harmed: at(0), noticed: at(10), served: at(400)}
	for name, tt := range map[string]struct {
		fault
		moments
		signs []sign
		want  []string // parts of the failures, in their order
	}{
		"as promised":       {aFault, good, []sign{says(10, nameRescue, msg.VerdictDown), crash}, nil},
		"never noticed":     {aFault, moments{harmed: at(0), served: at(400)}, []sign{crash}, []string{"the rescue did not notice in 30s"}},
		"noticed late":      {aFault, moments{harmed: at(0), noticed: at(160), served: at(400)}, []sign{crash}, []string{"noticed after 160ms, promised is 100ms"}},
		"late but allowed":  {aFault, moments{harmed: at(0), noticed: at(140), served: at(400)}, []sign{crash}, nil},
		"never serves":      {aFault, moments{harmed: at(0), noticed: at(10)}, []sign{crash}, []string{"main did not serve again in 30s"}},
		"serves late":       {aFault, moments{harmed: at(0), noticed: at(10), served: at(4449)}, []sign{crash}, []string{"main served again after 4.4s, promised is 2s"}},
		"late for a reason": {aFault, moments{harmed: at(0), noticed: at(10), healed: at(5000), served: at(5400)}, []sign{crash}, nil},
		"no incident":       {aFault, good, nil, []string{"told of no incident, not of one of kind crash"}},
		"another incident":  {aFault, good, []sign{opens(12, nameRescue, "a", msg.KindHang)}, []string{"told of incidents of kind hang, not of one of kind crash"}},
		"main's incident": {aFault, good, []sign{opens(12, nameMain, "a", msg.KindCrash)},
			[]string{"told of no incident", "false alarm: main opened an incident of kind crash on rescue"}},
		"alarm before": {aFault, good, []sign{says(-5, nameRescue, msg.VerdictHung), crash}, []string{"false alarm: rescue said that main is hung"}},
		"alarms after": {aFault, good, []sign{crash, says(500, nameRescue, msg.VerdictDown), says(600, nameRescue, msg.VerdictHung)},
			[]string{"2 false alarms, the first: rescue said that main is down"}},
		"incident after": {aFault, good, []sign{crash, opens(900, nameRescue, "b", msg.KindCrash)}, nil},
		"of the rescue":  {aFault, good, []sign{crash, says(100, nameMain, msg.VerdictHung)}, []string{"false alarm: main said that rescue is hung"}},
		"main repairs": {aFault, good, []sign{crash, opens(100, nameMain, "x", msg.KindHang, msg.Action{What: "restart"})},
			[]string{"false alarm", "main did not leave the rescue alone: restart"}},
		"given up":      {aFault, good, []sign{held}, []string{"the rescue gave up: 3 repairs did not help"}},
		"a scar":        {aFault, good, []sign{crash, says(2000, nameRescue, msg.VerdictDegraded)}, nil},
		"not well":      {aFault, good, []sign{crash, says(2000, nameRescue, msg.VerdictSuspect)}, []string{"at the end rescue says that main is suspect"}},
		"rescue's scar": {aFault, good, []sign{crash, says(2000, nameMain, msg.VerdictDegraded)}, []string{"at the end main says that rescue is degraded"}},

		"peace":          {noFault, moments{served: at(400)}, nil, nil},
		"peace, excused": {noFault, moments{served: at(400)}, []sign{says(-20, nameMain, msg.VerdictHung), says(0, nameMain, msg.VerdictOK)}, nil},
		"an alarm": {noFault, moments{served: at(400)}, []sign{says(-20, nameRescue, msg.VerdictDown), says(0, nameRescue, msg.VerdictOK)},
			[]string{"false alarm: rescue said that main is down"}},
		"a repair": {noFault, moments{served: at(400)}, []sign{opens(12, nameRescue, "a", msg.KindHang, msg.Action{What: "abort"})},
			[]string{"false alarm: rescue opened an incident of kind hang on main", "repaired a gateway that needed no repair: abort"}},
		"a dry run": {noFault, moments{served: at(400)}, []sign{opens(12, nameRescue, "a", msg.KindHang, msg.Action{What: "abort", DryRun: true}, msg.Action{What: "wait"})},
			[]string{"false alarm"}},
		"no peace": {noFault, moments{served: at(400)}, []sign{says(2000, nameRescue, msg.VerdictDegraded)}, []string{"at the end rescue says that main is degraded"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScore(tt.fault)
			s.judge(tt.fault, ledgerOf(append(slices.Clip(well), tt.signs...)...), tt.moments, 1.5) // 1.5 times what is promised
			fits := func(got, part string) bool { return strings.Contains(got, part) }
			if !slices.EqualFunc(s.Failures, tt.want, fits) {
				t.Errorf("got %q, want %q", s.Failures, tt.want)
			}
		})
	}
}

func TestScoreFigures(t *testing.T) {
	s := newScore(aFault)
	s.judge(aFault, ledgerOf(opens(12, nameRescue, "a", msg.KindCrash, msg.Action{What: "restart"}, msg.Action{What: "notify"})),
		moments{harmed: at(0), noticed: at(10), served: at(400)}, 1)
	if s.DetectMs != 10 || s.RecoverMs != 400 || s.DetectLimit != 100 || s.RecoverLimit != 2000 || !slices.Equal(s.Repairs, []string{"restart"}) || s.FalseAlarms != 0 {
		t.Errorf("got %+v", s)
	}
	if !slices.Equal(s.Incidents, []msg.IncidentKind{msg.KindCrash}) {
		t.Errorf("incidents %v", s.Incidents)
	}
}
