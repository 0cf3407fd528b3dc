package drill

import (
	"context"
	"slices"
	"testing"
	"time"

	"clawdbot/bus/msg"
)

// at is a moment so many milliseconds after the fault.
func at(ms int) time.Time { return time.UnixMilli(1_000_000 + int64(ms)) }

func says(ms int, observer string, v msg.Verdict) sign {
	return sign{at: at(ms), observer: observer, peer: other(observer), verdict: v}
}

func opens(ms int, observer, id string, kind msg.IncidentKind, actions ...msg.Action) sign {
	return sign{at: at(ms), observer: observer, peer: other(observer), incident: msg.Incident{ID: id, Peer: other(observer), Kind: kind, Actions: actions}}
}

func other(name string) string {
	if name == nameMain {
		return nameRescue
	}
	return nameMain
}

// ledgerOf holds the signs in the order of their times.
func ledgerOf(signs ...sign) *ledger {
	slices.SortStableFunc(signs, func(a, b sign) int { return a.at.Compare(b.at) })
	l := newLedger()
	for _, s := range signs {
		l.addSign(s)
	}
	return l
}

func TestNoticed(t *testing.T) {
	down := []msg.Verdict{msg.VerdictDown}
	for name, tt := range map[string]struct {
		signs []sign
		want  time.Time
	}{
		"nothing":                     {nil, time.Time{}},
		"before the fault":            {[]sign{says(-1, nameRescue, msg.VerdictDown)}, time.Time{}},
		"of the other one":            {[]sign{says(5, nameMain, msg.VerdictDown)}, time.Time{}},
		"another verdict":             {[]sign{says(5, nameRescue, msg.VerdictSuspect)}, time.Time{}},
		"the verdict":                 {[]sign{says(5, nameRescue, msg.VerdictSuspect), says(7, nameRescue, msg.VerdictDown)}, at(7)},
		"an incident before":          {[]sign{opens(6, nameRescue, "a", msg.KindCrash), says(7, nameRescue, msg.VerdictDown)}, at(6)},
		"main's incident says naught": {[]sign{opens(6, nameMain, "a", msg.KindCrash)}, time.Time{}},
	} {
		got, ok := ledgerOf(tt.signs...).noticed(at(0), down)
		if !got.Equal(tt.want) || ok == tt.want.IsZero() {
			t.Errorf("%s: got %v, %v", name, got, ok)
		}
	}
}

// TestServed counts only what was sent after the fault: an acknowledgement that
// was on its way says nothing.
func TestServed(t *testing.T) {
	l := newLedger()
	l.addDelivery(delivery{sent: at(-1), acked: at(1)})
	if got, ok := l.served(at(0)); ok {
		t.Errorf("got %v", got)
	}
	l.addDelivery(delivery{sent: at(0), acked: at(2)})
	l.addDelivery(delivery{sent: at(3), acked: at(4)})
	if got, ok := l.served(at(0)); !ok || !got.Equal(at(2)) {
		t.Errorf("got %v, %v", got, ok)
	}
}

func TestIncidentsAsToldLast(t *testing.T) {
	l := ledgerOf(opens(1, nameRescue, "a", msg.KindCrash), opens(2, nameMain, "x", msg.KindHang),
		opens(3, nameRescue, "b", msg.KindHang), opens(4, nameRescue, "a", msg.KindCrashLoop), says(5, nameRescue, msg.VerdictOK))
	var got []msg.IncidentKind
	for _, i := range l.incidents(nameRescue) {
		got = append(got, i.Kind)
	}
	if want := []msg.IncidentKind{msg.KindCrashLoop, msg.KindHang}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var alarms []time.Time
	for _, a := range l.alarms() {
		alarms = append(alarms, a.at)
	}
	if want := []time.Time{at(1), at(2), at(3)}; !slices.EqualFunc(alarms, want, time.Time.Equal) {
		t.Errorf("alarms at %v", alarms)
	}
	if v := l.verdict(nameRescue, nameMain); v != msg.VerdictOK {
		t.Errorf("the newest verdict is %s", v)
	}
	if v := l.verdict(nameMain, nameRescue); v != msg.VerdictUnknown {
		t.Errorf("without a verdict it is %s", v)
	}
}

func TestAwait(t *testing.T) {
	l := newLedger()
	ready := func() bool { return l.beat.Phase == msg.PhaseReady }
	go l.addBeat(msg.Beat{Phase: msg.PhaseReady})
	if !l.await(t.Context(), time.Minute, ready) {
		t.Error("it came and was not seen")
	}
	never := func() bool { return false }
	if l.await(t.Context(), time.Millisecond, never) {
		t.Error("it did not come and was seen")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if l.await(ctx, time.Hour, never) {
		t.Error("it did not come and was seen")
	}
}
