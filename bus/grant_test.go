package bus_test

import (
	"errors"
	"strings"
	"testing"

	"clawdbot/bus"
	"clawdbot/bus/subject"
)

func TestCheckGrant(t *testing.T) {
	sp, err := subject.New("main")
	if err != nil {
		t.Fatal(err)
	}
	pub := func(subjects ...string) bus.User { return bus.User{Name: "crm", Publish: subjects} }
	sub := func(subjects ...string) bus.User { return bus.User{Name: "crm", Subscribe: subjects} }
	named := func(name string) bus.User { return bus.User{Name: name, Publish: []string{"clawdbot.main.in.crm"}} }
	for _, u := range []bus.User{
		named("crm"), named("c"), named("crm-2"), named("main"),
		pub("clawdbot.main.in.*", "clawdbot.main.rpc.chat.send", "clawdbot.main.rpc.>"),
		sub("clawdbot.main.>"), sub("clawdbot.main.health.beat"), sub("clawdbot.main.health.>"), sub("clawdbot.main.rpc.crm.*"), sub("clawdbot.main.health.pings"),
	} {
		if err := bus.CheckGrant(sp, u); err != nil {
			t.Errorf("%+v: %v", u, err)
		}
	}
	for _, c := range []struct {
		user bus.User
		want string
	}{
		{named(""), "1 to 63"}, {named("CRM"), "1 to 63"}, {named("a.b"), "1 to 63"}, {named("*"), "1 to 63"}, {named("-x"), "1 to 63"},
		{named(strings.Repeat("x", 64)), "1 to 63"},
		{named("svc"), "gateway's own"}, {named("sys"), "gateway's own"}, {named("debug"), "gateway's own"},
		{named("ingress"), "gateway's own"}, {named("link-rescue-to-main"), "gateway's own"},
		{pub(), "would have no subject"},
		{pub("clawdbot.rescue.in.x"), "must lie under clawdbot.main.>"}, {sub("clawdbot.rescue.event.>"), "must lie under"},
		{pub("clawdbot.*.in.x"), "must lie under"}, {sub(">"), "must lie under"}, {sub("$SYS.>"), "must lie under"},
		{sub("_INBOX_debug.>"), "must lie under"}, {pub("clawdbot.mainx.in.x"), "must lie under"}, {sub("clawdbot.main."), "must lie under"},
		{sub("clawdbot.main.event.> q"), "must lie under"}, {sub("clawdbot.main.>.x"), "must lie under"},
		{pub("clawdbot.main.>"), "only the gateway publishes"}, {pub("clawdbot.main.health.beat"), "only the gateway publishes"},
		{pub("clawdbot.main.*.beat"), "only the gateway publishes"}, {pub("clawdbot.main.rescue.restart"), "only the gateway publishes"},
		{pub("clawdbot.main.probe.browser"), "only the gateway publishes"},
		{sub("clawdbot.main.health.ping"), "only the gateway answers"}, {sub("clawdbot.main.rescue.*"), "only the gateway answers"},
		{sub("clawdbot.main.rescue.restart"), "only the gateway answers"},
		{sub("clawdbot.main.probe.*"), "only the gateway answers"}, {sub("clawdbot.main.probe.browser"), "only the gateway answers"},
	} {
		if err := bus.CheckGrant(sp, c.user); !errors.Is(err, bus.ErrGrant) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want %q", c.user, err, c.want)
		}
	}
}
