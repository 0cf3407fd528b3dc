package cli

import (
	"strings"
	"testing"

	"clawdbot/cmd/clawdbot/internal/drill"
	"clawdbot/profile"
)

func TestScorecard(t *testing.T) {
	var out strings.Builder
	a := &app{Streams: Streams{Out: &out}, env: profile.Env{Lookup: func(string) (string, bool) { return "", false }}}
	card := drill.Card{Allow: 1, Folder: "/tmp/scratch", Scores: []drill.Score{
		{Fault: drill.Fault{Name: "freeze"}, DetectMs: 1849, DetectLimit: 3000, RecoverMs: 2040, RecoverLimit: 6000, Repairs: []string{"abort", "restart"}, Acknowledged: 21, Passed: true},
		{Fault: drill.Fault{Name: "kill"}, DetectMs: 180, DetectLimit: 100, RecoverMs: -1, Acknowledged: 20, Lost: -1, FalseAlarms: 1, Failures: []string{"noticed after 180ms, promised is 100ms", "main did not serve again in 30s"}},
		{Fault: drill.Fault{Name: "full-disk"}, Skipped: "this system has no means for it"},
		{Fault: drill.Fault{Name: "busy-host"}, DetectMs: -1, RecoverMs: 60_000, Acknowledged: 400, Lost: 2, Failures: []string{"2 acknowledged messages are lost"}},
	}}
	a.printCard(card)
	want := `   fault      detected          serving again  false alarms  repairs  lost
✓  freeze     1.8 s of 3 s      2 s of 6 s     0             2        0 of 21
✗  kill       180 ms of 100 ms  -              1             0        -
-  full-disk  not here
✗  busy-host  -                 60 s           0             0        2 of 400
kill: noticed after 180ms, promised is 100ms
kill: main did not serve again in 30s
full-disk: this system has no means for it
busy-host: 2 acknowledged messages are lost
kept in /tmp/scratch
`
	if out.String() != want {
		t.Errorf("got:\n%s", out.String())
	}
	err := a.drillFailed(profile.Profile{Name: profile.Default}, card)
	if e := asExit(err); e.Code != exitFailed || e.Error() != "2 of 4 rehearsals did not go as promised" || e.Try != "clawdbot drill --keep --only kill,busy-host" {
		t.Errorf("got %d: %v; try %s", e.Code, err, e.Try)
	}
}
