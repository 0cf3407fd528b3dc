package browser

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

var errNoChromium = errors.New("no Chromium found: install chromium or set browser.executablePath")

// executable is a browser program.
type executable struct {
	kind string // chrome, brave, edge, chromium or custom
	path string
}

// find returns the configured program, or the first one that the host has, or
// errNoChromium.
func (l *launcher) find() (executable, error) {
	if l.configured != "" {
		path, err := exec.LookPath(l.configured)
		if err != nil {
			return executable{}, fmt.Errorf("browser.executablePath: %w", err)
		}
		return executable{kindOf(path), path}, nil
	}
	for _, c := range candidates(l.goos, l.host.Home) {
		for _, place := range c.places {
			if path, ok := lookIn(l.host.Path, place); ok {
				return executable{c.kind, path}, nil
			}
		}
	}
	return executable{}, errNoChromium
}

// kindOf tells the browser by the name of its program.
func kindOf(path string) string {
	base := strings.ToLower(filepath.Base(path))
	for _, kind := range []string{"brave", "edge", "chromium", "chrome"} {
		if strings.Contains(base, kind) {
			return kind
		}
	}
	return "custom"
}

// lookIn returns the program at an absolute place, or of that name in the
// folders of a PATH.
func lookIn(path, place string) (string, bool) {
	if filepath.IsAbs(place) {
		found, err := exec.LookPath(place)
		return found, err == nil
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) { // never a program of the current folder
			continue
		}
		if found, err := exec.LookPath(filepath.Join(dir, place)); err == nil {
			return found, true
		}
	}
	return "", false
}

// candidate is a kind of browser and where it may be: names on PATH and
// absolute paths.
type candidate struct {
	kind   string
	places []string
}

// candidates returns the browsers of a system in the order they are tried: that
// of the original.
func candidates(goos, home string) []candidate {
	switch goos {
	case "darwin":
		return appBundles(home)
	case "windows":
		return programFiles(home)
	}
	return []candidate{
		{"chrome", []string{"google-chrome", "google-chrome-stable", "/opt/google/chrome/chrome"}},
		{"brave", []string{"brave-browser", "brave", "/snap/bin/brave"}},
		{"edge", []string{"microsoft-edge", "microsoft-edge-stable", "/opt/microsoft/msedge/msedge"}},
		{"chromium", []string{"chromium", "chromium-browser", "/snap/bin/chromium"}},
	}
}

func appBundles(home string) []candidate {
	var found []candidate
	for _, app := range []struct{ kind, name string }{
		{"chrome", "Google Chrome"}, {"brave", "Brave Browser"}, {"edge", "Microsoft Edge"}, {"chromium", "Chromium"},
	} {
		inside := filepath.Join("Applications", app.name+".app", "Contents", "MacOS", app.name)
		found = append(found, candidate{app.kind, []string{string(filepath.Separator) + inside, filepath.Join(home, inside)}})
	}
	return found
}

func programFiles(home string) []candidate {
	var found []candidate
	for _, program := range []struct{ kind, path string }{
		{"chrome", `Google\Chrome\Application\chrome.exe`},
		{"brave", `BraveSoftware\Brave-Browser\Application\brave.exe`},
		{"edge", `Microsoft\Edge\Application\msedge.exe`},
		{"chromium", `Chromium\Application\chrome.exe`},
	} {
		found = append(found, candidate{program.kind, []string{
			home + `\AppData\Local\` + program.path, `C:\Program Files\` + program.path, `C:\Program Files (x86)\` + program.path,
		}})
	}
	return found
}
