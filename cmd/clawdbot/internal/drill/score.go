package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clawdbot/bus/msg"
)

// Score is how one fault went. Times are in milliseconds; -1 means never.
type Score struct {
	Fault
	Skipped      string             `json:"skipped,omitempty"` // why it cannot be rehearsed here
	DetectMs     int64              `json:"detectMs"`
	DetectLimit  int64              `json:"detectLimitMs"` // promised; 0 means nothing is
	RecoverMs    int64              `json:"recoverMs"`     // from the fault, or from the end of its cause, until main acknowledged a message
	RecoverLimit int64              `json:"recoverLimitMs"`
	FalseAlarms  int                `json:"falseAlarms"`
	Repairs      []string           `json:"repairs"` // what the rescue did to main; a restart by main's keeper is none
	Incidents    []msg.IncidentKind `json:"incidents"`
	Acknowledged int                `json:"acknowledged"` // messages
	Lost         int                `json:"lost"`         // acknowledged ones that main does not know any more; -1 when it cannot be asked
	Failures     []string           `json:"failures"`     // one sentence each; none when the fault went as promised
	Passed       bool               `json:"passed"`
}

func newScore(f fault) Score {
	return Score{
		Fault: f.Fault, DetectMs: -1, RecoverMs: -1, Lost: -1, Repairs: []string{}, Incidents: []msg.IncidentKind{}, Failures: []string{},
		DetectLimit: f.detect.Milliseconds(), RecoverLimit: f.recover.Milliseconds(),
	}
}

func (s *Score) fail(format string, args ...any) {
	s.Failures = append(s.Failures, fmt.Sprintf(format, args...))
}

// moments are the times that a score counts from; zero ones never came.
type moments struct {
	harmed  time.Time // when the fault began
	healed  time.Time // when its cause went away, for a fault that only ends with it
	noticed time.Time
	served  time.Time
}

// repairs are the actions that touch a peer.
var repairs = []string{"restart", "start", "abort", "kill", "directive", "safe-mode"}

// judge adds what the ledger tells. The caller holds its lock.
func (s *Score) judge(f fault, l *ledger, m moments, allow float64) {
	s.Acknowledged = len(l.deliveries)
	s.judgeTimes(f, m, allow)
	if !f.harmless() {
		s.judgeKinds(f, l.incidents(nameRescue))
	}
	for _, i := range l.incidents(nameRescue) {
		s.Incidents = append(s.Incidents, i.Kind)
		s.Repairs = append(s.Repairs, repairsOf(i)...)
	}
	s.judgeAlarms(f, l.alarms(), m)
	if f.harmless() && len(s.Repairs) > 0 {
		s.fail("the rescue repaired a gateway that needed no repair: %s", strings.Join(s.Repairs, ", "))
	}
	for _, i := range l.incidents(nameMain) {
		if did := repairsOf(i); len(did) > 0 {
			s.fail("main did not leave the rescue alone: %s", strings.Join(did, ", "))
		}
	}
	s.judgeEnd(f, l)
}

// judgeEnd wants both gateways well at the end. What a fault left behind, as a
// damaged store that somebody has to look at, may still be told.
func (s *Score) judgeEnd(f fault, l *ledger) {
	for _, pair := range [][2]string{{nameRescue, nameMain}, {nameMain, nameRescue}} {
		v := l.verdict(pair[0], pair[1])
		if left := v == msg.VerdictDegraded && pair[1] == nameMain && !f.harmless(); v != msg.VerdictOK && !left {
			s.fail("at the end %s says that %s is %s", pair[0], pair[1], v)
		}
	}
	for _, i := range l.incidents(nameRescue) {
		if i.State == msg.IncidentHeld {
			s.fail("the rescue gave up: %s", i.Result)
		}
	}
}

func (s *Score) judgeTimes(f fault, m moments, allow float64) {
	within := func(what string, took, limit time.Duration) int64 {
		if limit > 0 && took > time.Duration(float64(limit)*allow) {
			s.fail("%s after %s, promised is %s", what, round(took), limit)
		}
		return took.Milliseconds()
	}
	switch {
	case !m.noticed.IsZero():
		s.DetectMs = within("noticed", m.noticed.Sub(m.harmed), f.detect)
	case !f.harmless():
		s.fail("the rescue did not notice in %s", patience)
	}
	began := m.harmed
	if !m.healed.IsZero() {
		began = m.healed
	}
	switch {
	case m.served.IsZero():
		s.fail("main did not serve again in %s", patience)
	case !began.IsZero():
		s.RecoverMs = within("main served again", m.served.Sub(began), f.recover)
	}
}

// judgeKinds wants an incident that says what the matter was.
func (s *Score) judgeKinds(f fault, incidents []msg.Incident) {
	var kinds []string
	for _, i := range incidents {
		if i.Peer == nameMain && slices.Contains(f.kinds, i.Kind) {
			return
		}
		kinds = append(kinds, string(i.Kind))
	}
	said := "no incident"
	if len(kinds) > 0 {
		said = "incidents of kind " + strings.Join(kinds, ", ")
	}
	s.fail("the rescue told of %s, not of one of kind %s", said, f.kinds[0])
}

// judgeAlarms counts what was said without a reason. What the rescue says of
// main has one from the fault until main serves again, its incidents also later.
func (s *Score) judgeAlarms(f fault, alarms []sign, m moments) {
	var first sign
	for _, a := range alarms {
		over := !m.served.IsZero() && a.at.After(m.served) && a.incident.ID == ""
		harm := !f.harmless() && a.observer == nameRescue && a.peer == nameMain && !a.at.Before(m.harmed) && !over
		if harm || f.excuses != nil && f.excuses(a) {
			continue
		}
		if s.FalseAlarms++; s.FalseAlarms == 1 {
			first = a
		}
	}
	switch {
	case s.FalseAlarms == 1:
		s.fail("false alarm: %s", first)
	case s.FalseAlarms > 1:
		s.fail("%d false alarms, the first: %s", s.FalseAlarms, first)
	}
}

// repairsOf are the actions of the incident that touched the peer.
func repairsOf(i msg.Incident) (did []string) {
	for _, a := range i.Actions {
		if slices.Contains(repairs, a.What) && !a.DryRun {
			did = append(did, a.What)
		}
	}
	return did
}

// round renders a duration for people.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}
