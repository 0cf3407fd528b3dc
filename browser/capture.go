package browser

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"clawdbot/browser/api"
	"clawdbot/browser/capture"
	"clawdbot/browser/tab"
)

// How long it may take to picture a page, to print it, and to hand out a trace.
const (
	shotTime  = 20 * time.Second
	printTime = 60 * time.Second
	traceTime = 100 * time.Second
)

// inlineLimit bounds a picture in an answer, in bytes: the bus takes 1 MiB, and
// base64 makes four of three.
const inlineLimit = 700 << 10

func (s *Server) captureVerbs() []verb {
	return []verb{
		{"screenshot", "POST /screenshot", onTab(s.screenshot)},
		{"pdf", "POST /pdf", onTab(s.pdf)},
		{"trace_start", "POST /trace/start", onTab(s.traceStart)},
		{"trace_stop", "POST /trace/stop", onTab(s.traceStop)},
		{"highlight", "POST /highlight", onTab(s.highlight)},
	}
}

// media is where pictures and other files of pages are kept.
func (s *Server) media() capture.Folder {
	return capture.Folder(filepath.Join(s.cfg.Dir, mediaFolder))
}

// screenshot answers POST /screenshot.
func (s *Server) screenshot(ctx context.Context, t *tab.Tab, in api.ScreenshotRequest) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, shotTime)
	defer cancel()
	shot, err := shotOf(ctx, t, in)
	if err != nil {
		return nil, err
	}
	picture, err := capture.Screenshot(ctx, t, shot)
	if err != nil {
		return nil, err
	}
	out := &api.Screenshot{URL: t.URL(), ContentType: picture.ContentType()}
	if in.Inline {
		out.Data = picture.Data
		return out, nil
	}
	out.Path, err = s.media().Save(picture.Format, picture.Data)
	return out, err
}

// shotOf is what the request wants pictured.
func shotOf(ctx context.Context, t *tab.Tab, in api.ScreenshotRequest) (capture.Shot, error) {
	shot := capture.Shot{Format: cmp.Or(in.Type, "png"), Full: in.FullPage}
	if in.Inline {
		shot.Limit = inlineLimit
	}
	switch {
	case shot.Format != "png" && shot.Format != "jpeg":
		return shot, api.Errorf(http.StatusBadRequest, "type %q: it is png or jpeg", in.Type)
	case in.FullPage && (in.Ref != "" || in.Element != ""):
		return shot, api.Errorf(http.StatusBadRequest, "fullPage is of the whole page: leave out ref and element")
	case in.Ref != "" && in.Element != "":
		return shot, api.Errorf(http.StatusBadRequest, "ref and element both name an element: give one")
	case in.Ref != "":
		ref, err := t.Find(in.Ref)
		shot.Of = &ref
		return shot, err
	case in.Element != "":
		ref := tab.Ref{Frame: t.Main()}
		err := ref.Frame.Call(ctx, "find", &ref.N, in.Element)
		shot.Of = &ref
		return shot, err
	}
	return shot, nil
}

// pdf answers POST /pdf.
func (s *Server) pdf(ctx context.Context, t *tab.Tab, _ api.TabRequest) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, printTime)
	defer cancel()
	path, err := s.keep("", "pdf", func(w io.Writer) error { return capture.PDF(ctx, t, w) })
	if err != nil {
		return nil, err
	}
	return &api.PDF{Path: path, URL: t.URL()}, nil
}

// keep has write fill a new file among the media: one of the kind, or at the path
// that was asked for. It returns the file's path.
func (s *Server) keep(path, kind string, write func(io.Writer) error) (string, error) {
	create := func() (capture.File, error) { return s.media().Create(kind) }
	if filepath.IsAbs(path) {
		if err := s.guard(path); err != nil {
			return "", err
		}
	}
	if path != "" {
		create = func() (capture.File, error) { return s.media().CreateAt(path) }
	}
	file, err := create()
	if err != nil {
		return "", err
	}
	return file.Done(write(file))
}

// traces are the recordings that go on, by tab; nil is one that is being started.
type traces struct {
	mu   sync.Mutex
	open map[*tab.Tab]*capture.Trace
}

// begin starts the trace of a tab that has none. A tab that hangs keeps no other
// waiting.
func (ts *traces) begin(ctx context.Context, t *tab.Tab, screenshots bool) error {
	if err := ts.reserve(t); err != nil {
		return err
	}
	trace, err := capture.StartTrace(ctx, t, screenshots)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if err != nil {
		delete(ts.open, t)
		return fmt.Errorf("start a trace: %w", err)
	}
	ts.open[t] = trace
	return nil
}

func (ts *traces) reserve(t *tab.Tab) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for of, trace := range ts.open {
		if trace != nil && trace.Over() {
			delete(ts.open, of)
		}
	}
	if _, running := ts.open[t]; running {
		return fmt.Errorf("a trace of tab %s is already running: stop it first", t.ID())
	}
	if ts.open == nil {
		ts.open = map[*tab.Tab]*capture.Trace{}
	}
	ts.open[t] = nil
	return nil
}

// take hands out the trace of a tab, which is no longer open then.
func (ts *traces) take(t *tab.Tab) (*capture.Trace, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	trace := ts.open[t]
	if trace == nil {
		return nil, fmt.Errorf("no trace of tab %s is running: start one first", t.ID())
	}
	delete(ts.open, t)
	return trace, nil
}

// traceStart answers POST /trace/start.
func (s *Server) traceStart(ctx context.Context, t *tab.Tab, in api.TraceStartRequest) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, shotTime)
	defer cancel()
	if err := s.traces.begin(ctx, t, in.Screenshots); err != nil {
		return nil, err
	}
	return &api.OnTab{}, nil
}

// traceStop answers POST /trace/stop. A file that cannot be made leaves the trace
// running.
func (s *Server) traceStop(ctx context.Context, t *tab.Tab, in api.TraceStopRequest) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, traceTime)
	defer cancel()
	path, err := s.keep(in.Path, "zip", func(w io.Writer) error {
		trace, err := s.traces.take(t)
		if err != nil {
			return err
		}
		return trace.Stop(ctx, w)
	})
	if err != nil {
		return nil, err
	}
	return &api.Trace{Path: path}, nil
}

// highlight answers POST /highlight.
func (s *Server) highlight(ctx context.Context, t *tab.Tab, in api.HighlightRequest) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, shotTime)
	defer cancel()
	if in.Clear {
		return &api.OnTab{}, capture.Unhighlight(ctx, t)
	}
	if in.Ref == "" {
		return nil, api.Errorf(http.StatusBadRequest, "ref is required")
	}
	ref, err := t.Find(in.Ref)
	if err == nil {
		err = capture.Highlight(ctx, t, ref)
	}
	return &api.OnTab{}, err
}
