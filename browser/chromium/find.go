package chromium

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNone says that the host has no browser program that we know.
var ErrNone = errors.New("no Chromium found: install chromium or set browser.executablePath")

// Executable is a browser program.
type Executable struct {
	Kind string // chrome, brave, edge, chromium, canary or custom
	Path string
}

// Find returns the configured program; else the person's own choice of browser
// when that is one that we know; else the first one that the host has. It
// returns ErrNone when there is none.
func (l *Launcher) Find() (Executable, error) {
	if l.cfg.Executable != "" {
		path, err := exec.LookPath(l.cfg.Executable)
		if err != nil {
			return Executable{}, fmt.Errorf("browser.executablePath: %w", err)
		}
		return Executable{kindOf(path), path}, nil
	}
	all := candidates(l.cfg.Host.OS, l.cfg.Host.Home)
	chosen := l.chosen()
	if i := slices.IndexFunc(all, func(c candidate) bool { return c.kind == chosen }); i > 0 {
		all = slices.Insert(all, 0, all[i])
	}
	for _, c := range all {
		for _, place := range c.places {
			if path, ok := lookIn(l.cfg.Host.Path, place); ok {
				return Executable{c.kind, path}, nil
			}
		}
	}
	return Executable{}, ErrNone
}

// kindOf tells the browser by the name of its program.
func kindOf(path string) string { return cmp.Or(kindIn(filepath.Base(path)), "custom") }

// kindIn is the browser that a name of any sort tells, "" when it is none that
// we know.
func kindIn(name string) string {
	name = strings.ToLower(name)
	for _, kind := range []string{"canary", "brave", "edge", "chromium", "chrome"} {
		if strings.Contains(name, kind) {
			return kind
		}
	}
	return ""
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
		{"canary", []string{"google-chrome-canary", "google-chrome-unstable", "/opt/google/chrome-unstable/chrome"}},
	}
}

func appBundles(home string) []candidate {
	var found []candidate
	for _, app := range []struct{ kind, name string }{
		{"chrome", "Google Chrome"}, {"brave", "Brave Browser"}, {"edge", "Microsoft Edge"}, {"chromium", "Chromium"},
		{"canary", "Google Chrome Canary"},
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
		{"canary", `Google\Chrome SxS\Application\chrome.exe`},
	} {
		found = append(found, candidate{program.kind, []string{
			home + `\AppData\Local\` + program.path, `C:\Program Files\` + program.path, `C:\Program Files (x86)\` + program.path,
		}})
	}
	return found
}
