package chromium

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// chosenKind reads which browser opens links, in the files of the MIME
// applications specification of freedesktop.org, the first that says it wins.
func chosenKind(home string) string {
	for _, path := range []string{
		filepath.Join(home, ".config", "mimeapps.list"), "/etc/xdg/mimeapps.list",
		filepath.Join(home, ".local", "share", "applications", "mimeapps.list"), "/usr/share/applications/mimeapps.list",
	} {
		if app := defaultApp(path, "x-scheme-handler/http"); app != "" {
			return kindIn(app)
		}
	}
	return ""
}

// defaultApp is the first default application of a type, "" when the file has
// none.
func defaultApp(path, of string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines, group := bufio.NewScanner(f), ""
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			group = line
			continue
		}
		name, apps, _ := strings.Cut(line, "=")
		if group == "[Default Applications]" && strings.TrimSpace(name) == of {
			app, _, _ := strings.Cut(strings.TrimSpace(apps), ";")
			return app
		}
	}
	return ""
}
