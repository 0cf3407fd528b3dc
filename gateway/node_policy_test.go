package gateway

import (
	"testing"

	"clawdbot/profile/config"
)

func TestRefusesCommand(t *testing.T) {
	for _, c := range []struct {
		platform, family, command string
		rules                     config.NodeCommands
		refuses                   bool
	}{
		{"linux", "", "system.run", config.NodeCommands{}, false},
		{"linux 6.1", "", "canvas.eval", config.NodeCommands{}, true},
		{"linux", "", "canvas.eval", config.NodeCommands{AllowCommands: []string{"canvas.eval"}}, false},
		{"linux", "", "canvas.eval", config.NodeCommands{AllowCommands: []string{"canvas.eval"}, DenyCommands: []string{"canvas.eval"}}, true},
		{"linux", "", "system.run", config.NodeCommands{DenyCommands: []string{"system.run"}}, true},
		{"iOS 18.2", "", "camera.snap", config.NodeCommands{}, false},
		{"iPadOS", "", "camera.snap", config.NodeCommands{}, false},
		{"", "iPhone", "camera.snap", config.NodeCommands{}, false},
		{"ios", "", "system.run", config.NodeCommands{}, true},
		{"ios", "", "sms.send", config.NodeCommands{}, true},
		{"android", "", "sms.send", config.NodeCommands{}, false},
		{"macos", "", "system.run", config.NodeCommands{}, false},
		{"darwin", "", "canvas.present", config.NodeCommands{}, false},
		{"Windows 11", "", "system.run", config.NodeCommands{}, false},
		{"plan9", "", "system.run", config.NodeCommands{}, true},
		{"plan9", "", "canvas.present", config.NodeCommands{}, false},
		{"", "", "camera.snap", config.NodeCommands{}, true},
		{"macos", "", "", config.NodeCommands{}, true},
	} {
		s := &Server{cfg: Config{NodeCommands: c.rules}}
		if got := s.refusesCommand(c.platform, c.family, c.command); got != c.refuses {
			t.Errorf("%q %q %q %+v: refused %t", c.platform, c.family, c.command, c.rules, got)
		}
	}
}
