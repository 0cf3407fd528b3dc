package cli

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"clawdbot/profile/ports"
)

// TestCheckBase refuses in the field what setup would refuse at the end.
func TestCheckBase(t *testing.T) {
	h := newHome(t)
	h.setup("main", h.base)
	p := h.profile("rescue")
	next := h.base + ports.Step
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", next))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	check := checkBase(p, "1")
	for in, want := range map[string]string{
		"x": "a number, please", "0": "a number, please", "70000": "outside 1 to 65535",
		strconv.Itoa(h.base): "of profile main", strconv.Itoa(next): "that is in use", "1": "",
	} {
		if err := check(in); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}

// TestForm asks what fits the profile, and types a slash into the list.
func TestForm(t *testing.T) {
	h := newHome(t)
	a := &app{env: h.env()}
	p := h.profile("main")
	show := func(to answers) string {
		f := a.form(p, &to)
		f.Init()
		first := f.View()
		f.NextGroup()
		for range 2 {
			f.NextField()
		}
		f.Update(tea.KeyPressMsg{Code: '/', Text: "/"})
		return first + f.View()
	}
	fresh := show(answers{goOn: true, port: strconv.Itoa(h.base), bind: "lan", offerService: true})
	if !strings.Contains(fresh, "Set up profile main?") || !strings.Contains(fresh, "as a service") || !strings.Contains(fresh, "Who can connect") {
		t.Error(fresh)
	}
	h.setup("main", h.base)
	again := show(answers{goOn: true, port: strconv.Itoa(h.base), bind: "lan"})
	if !strings.Contains(again, "Profile main is set up.") || strings.Contains(again, "as a service") || !strings.Contains(again, "Who can connect") {
		t.Error(again)
	}
}
