package browser

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"clawdbot/browser/api"
	"clawdbot/browser/capture"
	"clawdbot/browser/snapshot"
	"clawdbot/browser/tab"
)

// Limits of GET /snapshot.
const (
	snapshotTime   = 20 * time.Second
	ariaLimit      = 500 // nodes
	ariaMost       = 2000
	efficientDepth = 6
	efficientChars = 10_000
)

func (s *Server) snapshotVerbs() []verb {
	return []verb{{"snapshot", "GET /snapshot", onTab(s.snapshot)}}
}

// snapshot answers GET /snapshot.
func (s *Server) snapshot(ctx context.Context, t *tab.Tab, in api.SnapshotRequest) (answer, error) {
	if err := checkSnapshot(&in); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotTime)
	defer cancel()
	out := &api.Snapshot{Format: cmp.Or(in.Format, "ai"), URL: t.URL()}
	if in.Format == "aria" {
		return out, snapshotAria(ctx, t, &in, out)
	}
	if cmp.Or(in.Mode, s.cfg.Settings.SnapshotDefaults.Mode) == "efficient" {
		in.Interactive, in.Compact = true, true
		in.Depth, in.MaxChars = cmp.Or(in.Depth, efficientDepth), cmp.Or(in.MaxChars, efficientChars)
	}
	text, err := snapshot.Take(ctx, t, snapshot.Options{
		Interactive: in.Interactive, Compact: in.Compact, Depth: in.Depth, MaxChars: in.MaxChars,
		Selector: in.Selector, Frame: in.Frame,
	})
	if err != nil {
		return nil, err
	}
	out.Snapshot, out.Refs, out.Stats, out.Truncated = text.Snapshot, text.Refs, &text.Stats, text.Truncated
	if in.Labels {
		return out, s.snapshotLabels(ctx, t, text, out)
	}
	return out, nil
}

// checkSnapshot refuses what does not go together.
func checkSnapshot(in *api.SnapshotRequest) error {
	bad := func(format string, a ...any) error { return api.Errorf(http.StatusBadRequest, format, a...) }
	aria := in.Format == "aria"
	switch {
	case in.Format != "" && in.Format != "ai" && !aria:
		return bad("format %q: it is ai or aria", in.Format)
	case in.Mode != "" && in.Mode != "efficient" && in.Mode != "full":
		return bad("mode %q: it is efficient or full", in.Mode)
	case in.Refs != "" && in.Refs != "role" && in.Refs != "aria":
		return bad("refs %q: it is role or aria", in.Refs)
	case aria && in.Labels:
		return bad("labels need format=ai")
	case aria && in.Mode == "efficient":
		return bad("mode=efficient needs format=ai")
	case in.Limit < 0 || in.Limit > ariaMost:
		return bad("limit must be from 1 to %d", ariaMost)
	case in.MaxChars < 0 || in.MaxChars > snapshot.MostChars:
		return bad("maxChars must be from 1 to %d", snapshot.MostChars)
	case in.Depth < 0:
		return bad("depth must not be less than 0")
	case in.Refs == "aria" && (in.Selector != "" || in.Frame != ""):
		// The original's status.
		return api.Errorf(http.StatusInternalServerError, "refs=aria is for whole pages: leave out selector and frame, or take refs=role")
	}
	return nil
}

func snapshotAria(ctx context.Context, t *tab.Tab, in *api.SnapshotRequest, out *api.Snapshot) error {
	nodes, err := snapshot.Aria(ctx, t, in.Frame)
	limit := cmp.Or(in.Limit, ariaLimit)
	out.Nodes, out.Truncated = nodes[:min(len(nodes), limit)], len(nodes) > limit
	return err
}

// snapshotLabels adds the picture.
func (s *Server) snapshotLabels(ctx context.Context, t *tab.Tab, text snapshot.Text, out *api.Snapshot) error {
	var picture capture.Picture
	drawn, skipped, err := snapshot.Labelled(ctx, t, text, func(ctx context.Context) (err error) {
		picture, err = capture.Screenshot(ctx, t, capture.Shot{Format: "png"})
		return err
	})
	if err != nil {
		return err
	}
	out.Labels, out.LabelsCount, out.LabelsSkipped, out.ImageType = true, &drawn, &skipped, picture.Format
	out.ImagePath, err = s.media().Save(picture.Format, picture.Data)
	return err
}
