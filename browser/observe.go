package browser

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"clawdbot/browser/action"
	"clawdbot/browser/api"
	"clawdbot/browser/tab"
)

// Times and sizes of this file's calls when nothing is said, and the most that
// can be.
const (
	hookMs      = 120_000
	responseMs  = 20_000
	longestMs   = 120_000
	shortestMs  = 500
	bodyChars   = 200_000
	longestBody = 5_000_000
)

// observeVerbs are the calls of this file and of settings.go.
func (s *Server) observeVerbs() []verb {
	return slices.Concat([]verb{
		{"console", "GET /console", onTab(s.console)},
		{"errors", "GET /errors", onTab(s.pageErrors)},
		{"requests", "GET /requests", onTab(s.requests)},
		{"response_body", "POST /response/body", onTab(s.responseBody)},
		{"hooks_file_chooser", "POST /hooks/file-chooser", onTab(s.fileChooser)},
		{"hooks_dialog", "POST /hooks/dialog", onTab(s.dialog)},
		{"wait_download", "POST /wait/download", onTab(s.waitDownload)},
		{"download", "POST /download", onTab(s.download)},
	}, s.settingVerbs())
}

// within is a timeout of a request: ms taken into the bounds, unset for 0.
func within(ms, unset int) time.Duration {
	return time.Duration(max(shortestMs, min(longestMs, cmp.Or(ms, unset)))) * time.Millisecond
}

// console answers GET /console.
func (s *Server) console(_ context.Context, t *tab.Tab, in api.ConsoleRequest) (answer, error) {
	level := strings.ToLower(strings.TrimSpace(in.Level))
	switch level {
	case "warn":
		level = "warning"
	case "log":
		level = "info"
	case "", "error", "warning", "info", "debug":
	default:
		return nil, api.Errorf(http.StatusBadRequest, "level %.16q must be error, warning, info or debug", in.Level)
	}
	return &api.Console{Messages: t.Messages(level)}, nil
}

// pageErrors answers GET /errors.
func (s *Server) pageErrors(_ context.Context, t *tab.Tab, in api.ErrorsRequest) (answer, error) {
	return &api.Errors{Errors: t.Errors(in.Clear)}, nil
}

// requests answers GET /requests.
func (s *Server) requests(_ context.Context, t *tab.Tab, in api.RequestsRequest) (answer, error) {
	var filter *tab.Glob
	if in.Filter != "" {
		var err error
		if filter, err = tab.ParseGlob(in.Filter); err != nil {
			return nil, api.Errorf(http.StatusBadRequest, "filter: %w", err)
		}
	}
	return &api.Requests{Requests: t.Requests(filter, in.Clear)}, nil
}

// responseBody answers POST /response/body.
func (s *Server) responseBody(ctx context.Context, t *tab.Tab, in api.ResponseBodyRequest) (answer, error) {
	if in.URL == "" {
		return nil, api.Errorf(http.StatusBadRequest, "url is required: a glob, or a part of the address")
	}
	glob, err := tab.ParseGlob(in.URL)
	if err != nil {
		return nil, api.Errorf(http.StatusBadRequest, "url: %w", err)
	}
	if in.MaxChars < 0 {
		return nil, api.Errorf(http.StatusBadRequest, "maxChars must be from 1 to %d", longestBody)
	}
	ctx, cancel := context.WithTimeout(ctx, within(in.TimeoutMs, responseMs))
	defer cancel()
	response, err := t.Response(ctx, glob, min(cmp.Or(in.MaxChars, bodyChars), longestBody))
	if err != nil {
		return nil, err
	}
	return &api.ResponseBody{Response: response}, nil
}

// fileChooser answers POST /hooks/file-chooser.
func (s *Server) fileChooser(ctx context.Context, t *tab.Tab, in api.ChooserRequest) (answer, error) {
	limit := within(in.TimeoutMs, hookMs)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	input := in.InputRef != "" || in.Element != ""
	if input && in.Ref != "" {
		return nil, api.Errorf(http.StatusBadRequest, "ref opens a chooser; inputRef and element need none: give one of them")
	}
	if input {
		ref, err := inputOf(ctx, t, in)
		if err != nil {
			return nil, err
		}
		return &api.Done{OK: true}, ref.Upload(ctx, in.Paths)
	}
	done, err := t.ArmChooser(ctx, in.Paths, limit)
	if err != nil || in.Ref == "" {
		return &api.Done{OK: true}, err
	}
	if err := click(ctx, t, in.Ref); err != nil {
		t.DisarmChooser()
		return nil, err
	}
	return &api.Done{OK: true}, <-done
}

// inputOf is the <input type=file> that the request names.
func inputOf(ctx context.Context, t *tab.Tab, in api.ChooserRequest) (tab.Ref, error) {
	if in.InputRef != "" {
		return t.Find(in.InputRef)
	}
	ref := tab.Ref{Frame: t.Main()}
	err := ref.Frame.Call(ctx, "find", &ref.N, in.Element)
	return ref, err
}

func click(ctx context.Context, t *tab.Tab, ref string) error {
	r, err := t.Find(ref)
	if err != nil {
		return err
	}
	return action.Click(ctx, t, r, action.ClickOptions{})
}

// dialog answers POST /hooks/dialog.
func (s *Server) dialog(_ context.Context, t *tab.Tab, in api.DialogRequest) (answer, error) {
	if in.Accept == nil {
		return nil, api.Errorf(http.StatusBadRequest, "accept is required: true or false")
	}
	t.ArmDialog(tab.DialogAnswer{Accept: *in.Accept, Text: in.PromptText}, within(in.TimeoutMs, hookMs))
	return &api.Done{OK: true}, nil
}

// waitDownload answers POST /wait/download.
func (s *Server) waitDownload(ctx context.Context, t *tab.Tab, in api.DownloadRequest) (answer, error) {
	return downloaded(ctx, t, in, nil)
}

// download answers POST /download.
func (s *Server) download(ctx context.Context, t *tab.Tab, in api.DownloadRequest) (answer, error) {
	if in.Ref == "" {
		return nil, api.Errorf(http.StatusBadRequest, "ref is required: what to click for the download")
	}
	return downloaded(ctx, t, in, func(ctx context.Context) error { return click(ctx, t, in.Ref) })
}

func downloaded(ctx context.Context, t *tab.Tab, in api.DownloadRequest, act func(context.Context) error) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, within(in.TimeoutMs, hookMs))
	defer cancel()
	download, err := t.Download(ctx, in.Path, act)
	if err != nil {
		return nil, err
	}
	return &api.Downloaded{Download: download}, nil
}
