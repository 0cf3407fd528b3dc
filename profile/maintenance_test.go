package profile

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMaintenance(t *testing.T) {
	p := resolve(t, Flags{Profile: "main"}, testEnv(t, nil))
	now := time.Now()
	ten := &Maintenance{Until: now.Add(10 * time.Minute), Reason: "new disk", By: "operator"}
	if _, err := p.Announce(ten, now); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("a profile that was never set up: %v", err)
	}
	register(t, p.Registry, Instance{Profile: "main", StateDir: p.StateDir, Unit: "unit"})
	if _, err := p.Announce(ten, now); err != nil {
		t.Fatal(err)
	}
	i, err := p.Registry.Get("main")
	if err != nil || i.Unit != "unit" || i.Maintenance == nil || i.Maintenance.Reason != "new disk" {
		t.Fatalf("got %+v, %v", i, err)
	}
	for after, want := range map[time.Duration]bool{0: true, 9 * time.Minute: true, 10 * time.Minute: false, time.Hour: false} {
		if got := i.InMaintenance(now.Add(after)); got != want {
			t.Errorf("after %s: %v", after, got)
		}
	}
	if _, err := p.Announce(nil, now); err != nil {
		t.Fatal(err)
	}
	if i, err := p.Registry.Get("main"); err != nil || i.InMaintenance(now) {
		t.Errorf("after its end: %+v, %v", i, err)
	}
}

func TestMaintenanceThatIsRefused(t *testing.T) {
	p := resolve(t, Flags{Profile: "main"}, testEnv(t, nil))
	register(t, p.Registry, Instance{Profile: "main", StateDir: p.StateDir})
	now := time.Now()
	for lasts, says := range map[time.Duration]string{
		0: "over already", -time.Hour: "over already", MaxMaintenance + time.Second: "at most 24h0m0s",
	} {
		if _, err := p.Announce(&Maintenance{Until: now.Add(lasts)}, now); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", lasts, err)
		}
	}
	if i, err := p.Registry.Get("main"); err != nil || i.Maintenance != nil {
		t.Errorf("it was entered: %+v, %v", i, err)
	}
	odd := Instance{Maintenance: &Maintenance{Until: now.AddDate(9, 0, 0)}}
	if odd.InMaintenance(now) {
		t.Error("one that somebody wrote for years holds")
	}
	elsewhere := resolve(t, Flags{}, Env{Home: p.env.Home, Lookup: func(key string) (string, bool) {
		v, ok := map[string]string{"CLAWDBOT_PROFILE": "main", "CLAWDBOT_STATE_DIR": "/elsewhere"}[key]
		return v, ok
	}})
	if _, err := elsewhere.Announce(&Maintenance{Until: now.Add(time.Minute)}, now); !errors.Is(err, ErrNotRegistered) {
		t.Errorf("another state folder of that name: %v", err)
	}
}
