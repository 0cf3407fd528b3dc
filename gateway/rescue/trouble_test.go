package rescue

import (
	"testing"

	"clawdbot/bus/msg"
	"clawdbot/profile/service"
)

func TestClassify(t *testing.T) {
	exit := func(status int) *msg.Exit { return &msg.Exit{Status: status} }
	full := []msg.LogLine{{Msg: "one"}, {Msg: "open store /x: write /x/1: no space left on device"}}
	for name, c := range map[string]struct {
		first    msg.IncidentKind
		e        Evidence
		gaveUp   bool
		failures int
		want     msg.IncidentKind
	}{
		"nothing more is known": {msg.KindCrash, Evidence{}, false, 1, msg.KindCrash},
		"a hang stays one":      {msg.KindHang, Evidence{Exit: exit(78)}, true, 5, msg.KindHang},
		"its port is taken":     {msg.KindCrash, Evidence{Exit: exit(75), Foreign: []PortHolder{{Port: 1}}}, true, 5, msg.KindPortStolen},
		"it refuses its config": {msg.KindCrash, Evidence{Exit: exit(78)}, true, 1, msg.KindBadConfig},
		"the disk is full":      {msg.KindCrash, Evidence{Exit: exit(75), LastLog: full}, false, 3, msg.KindDiskFull},
		"try again":             {msg.KindCrash, Evidence{Exit: exit(75)}, false, 1, msg.KindCrash},
		"again and again":       {msg.KindCrash, Evidence{Exit: exit(1)}, true, 2, msg.KindCrashLoop},
		"nobody starts it":      {msg.KindCrash, Evidence{Exit: exit(1)}, true, 1, msg.KindServiceGaveUp},
	} {
		if got := classify(c.first, c.e, c.gaveUp, c.failures); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestCustody(t *testing.T) {
	for _, c := range []struct {
		manager         service.Kind
		state, sub      string
		gaveUp, stopped bool
	}{
		{service.Systemd, "active", "running", false, false},
		{service.Systemd, "activating", "auto-restart", false, false},
		{service.Systemd, "failed", "failed", true, false},
		{service.Systemd, "deactivating", "stop-sigterm", false, true},
		{service.Systemd, "deactivating", "stop-post", false, false},
		{service.Systemd, "inactive", "dead", false, true},
		{service.Up, service.UpRunning, "", false, false},
		{service.Up, service.UpWaiting, "", false, false},
		{service.Up, service.UpGaveUp, "", true, false},
		{service.Up, service.UpStopped, "", false, true},
		{service.Launchd, "running", "", false, false},
		{service.Schtasks, "Ready", "", false, false},
	} {
		got := custodyOf(service.Status{Manager: c.manager, Installed: true, State: c.state, SubState: c.sub})
		if got.gaveUp != c.gaveUp || (got.stopped != "") != c.stopped {
			t.Errorf("%s %s (%s): %+v", c.manager, c.state, c.sub, got)
		}
	}
	if got := custodyOf(service.Status{Manager: service.Systemd, State: "inactive"}); got != (custody{}) {
		t.Errorf("a unit that is not installed: %+v", got)
	}
}
