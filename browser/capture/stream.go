package capture

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/chromedp/cdproto/cdp"
	cdpio "github.com/chromedp/cdproto/io"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/tracing"

	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// chunk is how much of a stream is read at once, in bytes.
const chunk = 1 << 20

// drain writes what the browser keeps in a stream to w and ends the stream.
func drain(ctx context.Context, s *devtools.Session, stream cdpio.StreamHandle, w io.Writer) error {
	defer func() { // the browser keeps it until then, or until the session ends
		_ = devtools.Post(ctx, s, cdpio.Close, cdpio.CloseParams{Handle: stream})
	}()
	for {
		part, err := devtools.Call(ctx, s, cdpio.Read, cdpio.ReadParams{Handle: stream, Size: chunk})
		if err != nil {
			return err
		}
		if _, err := w.Write(part.Data); err != nil {
			return err
		}
		if part.EOF {
			return nil
		}
	}
}

// PDF writes the page as it is printed, with its backgrounds, on letter paper.
func PDF(ctx context.Context, t *tab.Tab, w io.Writer) error {
	yes := true
	printed, err := devtools.Call(ctx, t.Session(), page.PrintToPDF, page.PrintToPDFParams{
		PrintBackground: &yes, TransferMode: page.PrintToPDFTransferModeReturnAsStream,
	})
	if err != nil {
		return err
	}
	return drain(ctx, t.Session(), printed.Stream, w)
}

// What a trace records: what the Performance panel of Chromium's own tools does.
func categories(screenshots bool) []string {
	list := []string{
		"devtools.timeline", "blink.user_timing", "loading", "latencyInfo", "v8.execute",
		"disabled-by-default-devtools.timeline", "disabled-by-default-devtools.timeline.frame",
		"disabled-by-default-devtools.timeline.stack", "disabled-by-default-v8.cpu_profiler",
	}
	if screenshots {
		list = append(list, "disabled-by-default-devtools.screenshot")
	}
	return list
}

// Trace is a recording that goes on in the browser.
type Trace struct {
	session *devtools.Session
	done    chan tracing.EventTracingComplete
	off     func()
}

// StartTrace begins to record. A browser records one trace at a time.
func StartTrace(ctx context.Context, t *tab.Tab, screenshots bool) (*Trace, error) {
	err := devtools.Do(ctx, t.Session(), tracing.Start, tracing.StartParams{
		TransferMode: tracing.StartTransferModeReturnAsStream, StreamFormat: tracing.StreamFormatJSON,
		TraceConfig: &tracing.TraceConfig{IncludedCategories: categories(screenshots)},
	})
	if err != nil {
		return nil, err
	}
	tr := &Trace{session: t.Session(), done: make(chan tracing.EventTracingComplete, 1)}
	tr.off = devtools.On(tr.session, tracing.TracingComplete, func(e tracing.EventTracingComplete) {
		select {
		case tr.done <- e:
		default: // it ends once
		}
	})
	return tr, nil
}

// Over says whether the recording went with its tab.
func (tr *Trace) Over() bool {
	select {
	case <-tr.session.Gone():
		return true
	default:
		return false
	}
}

// Stop ends the recording and writes it to w: a zip with a trace.json, which
// chrome://tracing, the Performance panel and ui.perfetto.dev open.
func (tr *Trace) Stop(ctx context.Context, w io.Writer) error {
	defer tr.off()
	if err := devtools.Do(ctx, tr.session, tracing.End, cdp.Empty{}); err != nil {
		return err
	}
	var ended tracing.EventTracingComplete
	select {
	case ended = <-tr.done:
	case <-tr.session.Gone():
		return devtools.ErrDetached
	case <-ctx.Done():
		return fmt.Errorf("the browser does not hand out the trace: %w", ctx.Err())
	}
	packed := zip.NewWriter(w)
	file, err := packed.Create("trace.json")
	if err != nil {
		return err
	}
	return errors.Join(drain(ctx, tr.session, ended.Stream, file), packed.Close())
}
