package chromium

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// chosenKind asks Launch Services' own list which application opens links.
func chosenKind(home string) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	list := filepath.Join(home, "Library", "Preferences", "com.apple.LaunchServices", "com.apple.launchservices.secure.plist")
	out, err := exec.CommandContext(ctx, "/usr/bin/plutil", "-extract", "LSHandlers", "json", "-o", "-", list).Output()
	if err != nil {
		return "" // Safari, which nobody has to choose
	}
	var handlers []struct {
		Scheme string `json:"LSHandlerURLScheme"`
		App    string `json:"LSHandlerRoleAll"`
	}
	if json.Unmarshal(out, &handlers) != nil {
		return ""
	}
	for _, h := range handlers {
		if strings.EqualFold(h.Scheme, "http") {
			return kindIn(h.App)
		}
	}
	return ""
}
