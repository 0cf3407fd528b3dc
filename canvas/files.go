package canvas

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

const indexFile = "index.html"

//go:embed starter.html
var starter []byte

// prepareRoot makes the folder, and gives an empty one the starter page.
func prepareRoot(root string) error {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) > 0 {
		return err
	}
	return os.WriteFile(filepath.Join(root, indexFile), starter, 0o600)
}

// serveFile answers with the file of the root, name being relative and with
// slashes, or with a folder's index.html.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	version := s.pages.current() // before the file is read, so that a later change is noticed
	f, info, err := s.openFile(name)
	switch {
	case errors.Is(err, errFolder):
		redirectToFolder(w, r)
		return
	case err != nil:
		if !errors.Is(err, fs.ErrNotExist) {
			s.log.Debug("file not served", "file", name, "err", err)
		}
		fail(w, http.StatusNotFound, "not found")
		return
	}
	defer f.Close()
	if t := mediaType(info.Name()); t != "" {
		w.Header().Set("Content-Type", t)
	}
	if !isHTML(info.Name()) || info.Size() > maxInjected {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().UnixNano(), info.Size()))
		http.ServeContent(w, r, info.Name(), info.ModTime(), f)
		return
	}
	page, err := io.ReadAll(io.LimitReader(f, maxInjected))
	if err != nil {
		s.log.Warn("file not read", "file", name, "err", err)
		fail(w, http.StatusInternalServerError, "the file cannot be read")
		return
	}
	page = inject(page, script(s.live, version))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(page)))
	http.ServeContent(w, r, info.Name(), time.Time{}, bytes.NewReader(page))
}

// errFolder says that a name without a slash is a folder.
var errFolder = errors.New("canvas: a folder")

// openFile opens a regular file in the root. All it refuses is not there, as
// far as a client is told.
func (s *Server) openFile(name string) (*os.File, fs.FileInfo, error) {
	file := strings.TrimSuffix(name, "/")
	folder := file != name || name == ""
	if file != "" && !servable(file) {
		return nil, nil, fs.ErrNotExist
	}
	if folder {
		file = path.Join(file, indexFile)
	}
	root, err := os.OpenRoot(s.root) // anew each time: the folder may have been replaced
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	local := filepath.FromSlash(file)
	info, err := root.Stat(local)
	switch {
	case err != nil:
		return nil, nil, err
	case info.IsDir() && !folder:
		return nil, nil, errFolder
	case !info.Mode().IsRegular(): // opening a pipe would wait for its writer
		return nil, nil, fs.ErrNotExist
	}
	f, err := root.Open(local)
	if err != nil {
		return nil, nil, err
	}
	return f, info, nil
}

// servable says whether a slash-separated name may be looked for at all. What
// os.Root refuses besides are links that leave the root.
func servable(name string) bool {
	if !fs.ValidPath(name) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return false
	}
	if strings.ContainsRune(name, '\\') || strings.ContainsFunc(name, unicode.IsControl) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return false
		}
	}
	return true
}

func isHTML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".html" || ext == ".htm"
}

// mediaType knows the types of the web by itself: the system's tables differ,
// and on Windows any installer may change them. "" leaves it to net/http.
func mediaType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".wasm":
		return "application/wasm"
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	case ".webmanifest":
		return "application/manifest+json"
	}
	return ""
}
