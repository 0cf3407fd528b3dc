package gateway

import (
	"slices"
	"strings"
)

// platformCommands are the commands that nodes of a platform may be asked for
// without a word in the config, by the original's table. A node of a platform
// that nobody knows is not trusted with what runs programs, films or sends.
func platformCommands(platform string) []string {
	canvas := []string{
		"canvas.present", "canvas.hide", "canvas.navigate", "canvas.eval", "canvas.snapshot",
		"canvas.a2ui.push", "canvas.a2ui.pushJSONL", "canvas.a2ui.reset",
	}
	eyes := []string{"camera.list", "camera.snap", "camera.clip", "screen.record", "location.get"}
	system := []string{
		"system.run", "system.which", "system.notify", "system.execApprovals.get", "system.execApprovals.set", "browser.proxy",
	}
	switch platform {
	case "ios":
		return slices.Concat(canvas, eyes)
	case "android":
		return slices.Concat(canvas, eyes, []string{"sms.send"})
	case "macos":
		return slices.Concat(canvas, eyes, system)
	case "linux", "windows":
		return system
	}
	return append(canvas, "camera.list", "location.get", "system.notify")
}

// platformOf is the word of platformCommands for what a node says of itself, ""
// for none of them.
func platformOf(platform, family string) string {
	for _, said := range []string{platform, family} {
		said = strings.ToLower(strings.TrimSpace(said))
		for _, p := range []struct{ begins, is string }{
			{"ios", "ios"}, {"ipados", "ios"}, {"iphone", "ios"}, {"ipad", "ios"}, {"android", "android"},
			{"mac", "macos"}, {"darwin", "macos"}, {"win", "windows"}, {"linux", "linux"},
		} {
			if strings.HasPrefix(said, p.begins) {
				return p.is
			}
		}
	}
	return ""
}

// refusesCommand says whether a node of that kind is not asked for the command:
// the config denies it, or neither the config nor the platform allows it.
func (s *Server) refusesCommand(platform, family, command string) bool {
	rules := s.cfg.NodeCommands
	if slices.Contains(rules.DenyCommands, command) {
		return true
	}
	return !slices.Contains(rules.AllowCommands, command) &&
		!slices.Contains(platformCommands(platformOf(platform, family)), command)
}
