package tab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"clawdbot/browser/api"
)

// longestName is the longest name of a file that we make of a suggestion, in
// bytes; file systems take 255.
const longestName = 200

// fileName makes a file's name of what a page suggests, which may be anything:
// it is no path, not hidden, and not a device of Windows.
func fileName(suggested string) string {
	name := suggested[strings.LastIndexAny(suggested, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || strings.ContainsRune(`<>:"|?*`, r) || r == unicode.ReplacementChar {
			return '_'
		}
		return r
	}, name)
	name = strings.TrimRight(strings.TrimLeft(name, ". "), ". ")
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	if len(ext) > longestName/2 {
		ext = ""
	}
	if most := longestName - len(ext); len(stem) > most {
		stem = strings.ToValidUTF8(stem[:most], "")
	}
	switch {
	case stem == "":
		return "download" + ext
	case !filepath.IsLocal(stem + ext):
		return "download-" + stem + ext
	}
	return stem + ext
}

// reserve makes an empty file of the name in the folder, or with a number in
// the name when there is one.
func reserve(dir, name string) (path string, err error) {
	ext := filepath.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	for n := 1; ; n++ {
		path = filepath.Join(dir, name)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return path, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		name = fmt.Sprintf("%s (%d)%s", stem, n, ext)
	}
}

// checkTarget refuses a path that no download can be moved to; "" is fine. A
// file that is there is replaced.
func (t *Tab) checkTarget(path string) error {
	if path == "" {
		return nil
	}
	if !filepath.IsAbs(path) {
		return api.Errorf(http.StatusBadRequest, "path %q must be absolute", path)
	}
	if err := t.guard(path); err != nil {
		return err
	}
	if dir, err := os.Stat(filepath.Dir(path)); err != nil || !dir.IsDir() {
		return api.Errorf(http.StatusBadRequest, "path %s: there is no folder %s", path, filepath.Dir(path))
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return api.Errorf(http.StatusBadRequest, "path: %w", err)
	case !info.Mode().IsRegular():
		return api.Errorf(http.StatusBadRequest, "path %s is there and no file: give the path of a file", path)
	}
	return nil
}

// move moves a file, to another file system too. What was at to is replaced
// only by the whole file.
func move(from, to string) error {
	if os.Rename(from, to) == nil {
		return nil
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	part, err := os.CreateTemp(filepath.Dir(to), ".download-*") // 0600
	if err != nil {
		return err
	}
	_, err = io.Copy(part, source)
	err = errors.Join(err, part.Close())
	if err == nil {
		err = os.Rename(part.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return os.Remove(from)
}
