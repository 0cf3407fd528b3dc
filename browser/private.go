package browser

import (
	"net/http"
	"path/filepath"
	"strings"

	"clawdbot/browser/api"
)

// Folders in Config.Dir beside those of the browser profiles.
const (
	downloadsFolder = "downloads"
	mediaFolder     = "media"
)

func folders() []string { return []string{downloadsFolder, mediaFolder} }

// guard refuses a path in what the gateways of the host keep to themselves:
// tokens, configs, stores, user data. A page could tell what is uploaded, and a
// download could replace it. What the browser itself has written is fine.
func (s *Server) guard(path string) error {
	if s.cfg.Private == nil {
		return nil
	}
	real := resolved(path)
	for _, own := range folders() {
		if isWithin(real, resolved(filepath.Join(s.cfg.Dir, own))) {
			return nil
		}
	}
	for _, private := range s.cfg.Private() {
		if isWithin(real, resolved(private)) {
			return api.Errorf(http.StatusBadRequest, "path %s belongs to a gateway of this host: use a file elsewhere", path)
		}
	}
	return nil
}

// resolved is the path without links, as far as it is there.
func resolved(path string) string {
	path = filepath.Clean(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if dir := filepath.Dir(path); dir != path {
		return filepath.Join(resolved(dir), filepath.Base(path))
	}
	return path
}

// isWithin says whether a path is the folder, or the file, or below it. Some file
// systems do not tell capitals from small letters.
func isWithin(path, folder string) bool {
	path, folder = strings.ToLower(path), strings.ToLower(folder)
	return path == folder || strings.HasPrefix(path, folder+string(filepath.Separator))
}
