package canvas

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"clawdbot/profile/gate"
)

// probeFile is a file of ours: no name in the root that begins with a dot is
// served. probeText is all of it.
const (
	probeFile = ".probe"
	probeText = "the canvas host answers\n"
)

func serveProbe(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, probeText) // fails only when the client is gone
}

// probe does what a browser does with a capability URL: it exchanges it for a
// cookie, and gets a file with that.
func (s *Server) probe(ctx context.Context) (string, error) {
	self := gate.NewSelf(s.Addr(), "")
	pass, _ := s.passes.issue(capability)
	resp, err := self.Get(ctx, capPath+pass+"/"+probeFile)
	if err != nil {
		return "", fmt.Errorf("capability URL on %s: %w", s.Addr(), err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		return "", fmt.Errorf("capability URL on %s: answered %s", s.Addr(), resp.Status)
	}
	file, err := self.Get(ctx, resp.Header.Get("Location"), resp.Cookies()...)
	if err != nil {
		return "", fmt.Errorf("file on %s: %w", s.Addr(), err)
	}
	defer file.Body.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, io.LimitReader(file.Body, 1<<10)); err != nil {
		return "", fmt.Errorf("file on %s: %w", s.Addr(), err)
	}
	if file.StatusCode != http.StatusOK || text.String() != probeText {
		return "", fmt.Errorf("file on %s: answered %s", s.Addr(), file.Status)
	}
	return "served a file of its own by a capability URL", nil
}
