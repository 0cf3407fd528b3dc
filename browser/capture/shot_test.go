package capture

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// window is the size of what is in view.
func window(t *testing.T, p *tab.Tab) (size image.Point) {
	t.Helper()
	if _, err := fmt.Sscanf(eval(t, p, `innerWidth+" "+innerHeight`), `"%d %d"`, &size.X, &size.Y); err != nil {
		t.Fatal(err)
	}
	return size
}

func eval(t *testing.T, p *tab.Tab, expression string) string {
	t.Helper()
	yes := true
	got, err := p.Main().Evaluate(within(t), runtime.EvaluateParams{Expression: expression, ReturnByValue: &yes, AwaitPromise: &yes})
	if err != nil || got.ExceptionDetails != nil {
		t.Fatalf("%s: %v %v", expression, err, got.ExceptionDetails)
	}
	return string(got.Result.Value)
}

const plain = `<!doctype html><style>body{margin:0}#a{height:300px;background:red}#b{height:1100px;background:green}#c{height:100px;background:blue}</style>
	<div id=a></div><div id=b></div><div id=c></div>`

func TestScreenshot(t *testing.T) {
	p := browsertest.Page(t, plain)
	view := window(t, p)
	for _, format := range []string{"png", "jpeg"} {
		m := take(t, p, Shot{Format: format})
		if m.Bounds().Size() != view || !near(m, 5, 5, red) || !near(m, 5, 305, green) {
			t.Errorf("%s of the view: %v", format, m.Bounds())
		}
		m = take(t, p, Shot{Format: format, Full: true})
		if m.Bounds().Size() != image.Pt(view.X, 1500) || !near(m, 5, 5, red) || !near(m, 5, 1405, blue) {
			t.Errorf("%s of the page: %v", format, m.Bounds())
		}
	}
	if is := window(t, p); is != view {
		t.Errorf("the view was %v and is %v", view, is)
	}
}

// A page that is long, or has many pixels in one of CSS, becomes smaller.
func TestLargePages(t *testing.T) {
	p := browsertest.Page(t, strings.ReplaceAll(plain, "1100px", "30000px"))
	m := take(t, p, Shot{Full: true})
	if size := m.Bounds().Size(); size.Y != maxSide || !near(m, 2, 3, red) || !near(m, 2, size.Y-2, blue) {
		t.Errorf("size %v", size)
	}
	err := devtools.Do(within(t), p.Session(), emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: 400, Height: 900, DeviceScaleFactor: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		shot Shot
		want image.Point
	}{
		{Shot{}, image.Pt(888, maxSide)},
		{Shot{Full: true}, image.Pt(26, maxSide)},
		{Shot{Of: ref(find(t, p.Main(), "#a"))}, image.Pt(1200, 900)},
	} {
		if got := take(t, p, c.shot).Bounds().Size(); got != c.want {
			t.Errorf("with three pixels in one: %+v has %v, want %v", c.shot, got, c.want)
		}
	}
}

// A picture of what no encoder makes small stays within the limit.
func TestLimit(t *testing.T) {
	p := browsertest.Page(t, `<body style="margin:0"><canvas width=700 height=400></canvas><script>
		const c = document.querySelector("canvas").getContext("2d"), m = c.createImageData(700, 400);
		for (let i = 0; i < m.data.length; i++) m.data[i] = i % 4 === 3 ? 255 : Math.random() * 256;
		c.putImageData(m, 0, 0);</script>`)
	canvas := find(t, p.Main(), "canvas")
	for limit, format := range map[int]string{0: "png", 200_000: "jpeg"} {
		got, err := Screenshot(within(t), p, Shot{Format: "png", Of: &canvas, Limit: limit})
		if err != nil || got.Format != format || limit > 0 && len(got.Data) > limit {
			t.Errorf("limit %d: %s of %d bytes, %v", limit, got.Format, len(got.Data), err)
		}
	}
}

func ref(r tab.Ref) *tab.Ref { return &r }

// A node has its own size, wherever on the page, and what is below it.
func TestScreenshotOfNode(t *testing.T) {
	p := browsertest.Page(t, `<!doctype html><style>body{margin:0}.far{height:5000px}</style>
		<div class=far></div>
		<div style="width:300px;height:200px;overflow:auto"><div class=far></div><p id=inner style="margin:0;width:50.5px;height:20px;background:blue"></p></div>
		<div id=wide style="width:4000px;height:100px;background:red"></div>
		<b id=text>some text <i style="color:red">more</i></b><span id=contents style="display:contents">text alone</span><div class=far></div>`)
	for _, c := range []struct {
		name string
		ref  tab.Ref
		want func(image.Point) bool
	}{
		{"in a scrolled box", find(t, p.Main(), "#inner"), func(p image.Point) bool { return p == image.Pt(51, 20) }},
		{"wider than any picture", find(t, p.Main(), "#wide"), func(p image.Point) bool { return p == image.Pt(maxSide, 50) }},
		{"a text", text(t, find(t, p.Main(), "#text")), func(p image.Point) bool { return p.X > 40 && p.X < 120 && p.Y > 10 && p.Y < 40 }},
		{"without a box of its own", find(t, p.Main(), "#contents"), func(p image.Point) bool { return p.X > 40 && p.X < 120 && p.Y > 10 && p.Y < 40 }},
	} {
		m := take(t, p, Shot{Of: &c.ref})
		if !c.want(m.Bounds().Size()) {
			t.Errorf("%s: %v", c.name, m.Bounds())
		}
		switch {
		case c.name == "in a scrolled box" && !near(m, 25, 10, blue), c.name == "wider than any picture" && !near(m, 1900, 25, red):
			t.Errorf("%s: %v is pictured", c.name, m.At(25, 10))
		}
	}
}

// text is the ref of the element's first child.
func text(t *testing.T, of tab.Ref) tab.Ref {
	t.Helper()
	s := of.Frame.Session()
	element, err := of.Object(within(t))
	if err != nil {
		t.Fatal(err)
	}
	child, err := devtools.Call(within(t), s, runtime.CallFunctionOn, runtime.CallFunctionOnParams{
		FunctionDeclaration: "function(){return this.firstChild}", ObjectID: element,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := tab.Ref{Frame: of.Frame}
	if err := of.Frame.Call(within(t), "ref", &r.N, tab.Handle(child.Result.ObjectID)); err != nil {
		t.Fatal(err)
	}
	return r
}

// Nodes in frames, of other processes and in one another, are pictured where
// they are, however far all has to be scrolled.
func TestScreenshotInFrames(t *testing.T) {
	const far = `<!doctype html><style>body{margin:0}.far{height:3000px}iframe{border:7px solid;padding:5px;width:500px;height:300px}</style><div class=far></div>`
	address := browsertest.Serve(t, map[string]string{
		"/":       far + `<iframe src="{other}/middle"></iframe><div class=far></div>`,
		"/middle": far + `<iframe src="{self}/inner"></iframe><div class=far></div>`,
		"/inner":  far + `<div id=it style="width:120px;height:60px;background:green"></div><div class=far></div>`,
	})
	p := browsertest.Tab(t, address)
	inner := lastFrame(t, p, 3)
	if inner.Session() == p.Session() || inner.Session() == p.Frames()[1].Session() {
		t.Log("the innermost frame shares a process")
	}
	it := find(t, inner, "#it")
	for range 2 { // scrolled from afar, then in view
		m := take(t, p, Shot{Of: &it})
		if m.Bounds().Size() != image.Pt(120, 60) {
			t.Fatalf("size %v", m.Bounds())
		}
		for _, at := range []image.Point{{2, 2}, {117, 2}, {2, 57}, {117, 57}} {
			if !near(m, at.X, at.Y, green) {
				t.Errorf("%v is %v", at, m.At(at.X, at.Y))
			}
		}
	}
}

func TestNothingToPicture(t *testing.T) {
	p := browsertest.Page(t, `<div id=none style="display:none">x</div><div id=flat style="height:0"></div><p id=gone>x</p>
		<div id=away style="position:absolute;left:-900px;width:50px;height:50px"></div>
		<div id=clear style="visibility:hidden">x</div>`)
	gone := find(t, p.Main(), "#gone")
	eval(t, p, `document.getElementById("gone").remove()`)
	for _, c := range []struct {
		ref  tab.Ref
		code string
		says string
	}{
		{find(t, p.Main(), "#none"), "hidden", "display is none"},
		{find(t, p.Main(), "#flat"), "hidden", "it has no size"},
		{find(t, p.Main(), "#clear"), "hidden", "visibility is hidden"},
		{find(t, p.Main(), "#away"), "offscreen", "it lies outside of the page"},
		{gone, "detached", "take a new snapshot"},
		{tab.Ref{Frame: p.Main(), N: 9999}, "unknown-ref", "take a new snapshot"},
	} {
		_, err := Screenshot(within(t), p, Shot{Format: "png", Of: &c.ref})
		var problem *tab.Problem
		if !errors.As(err, &problem) || problem.Code != c.code || !strings.Contains(problem.Message, c.says) {
			t.Errorf("%v, want %s: %s", err, c.code, c.says)
		}
	}
}

// A tab behind others comes to the front; one picture is taken at a time; one
// whose page does not answer ends with the deadline, and leaves the next alone.
func TestScreenshotOfBusyTabs(t *testing.T) {
	behind := browsertest.Page(t, plain)
	front := browsertest.Page(t, plain)
	ended := make(chan error, 8)
	for i := range cap(ended) {
		of := []*tab.Tab{behind, front}[i%2]
		ctx := within(t)
		go func() {
			p, err := Screenshot(ctx, of, Shot{Format: "jpeg", Full: i%4 < 2})
			if err == nil && len(p.Data) == 0 {
				err = errors.New("an empty picture")
			}
			ended <- err
		}()
	}
	for range cap(ended) {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	stuck := browsertest.Page(t, plain)
	eval(t, stuck, `setTimeout(() => { for (const end = Date.now() + 4000; Date.now() < end;); }, 0)`)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := Screenshot(ctx, stuck, Shot{Format: "png", Full: true}); err == nil {
		t.Error("a page that is busy was pictured at once")
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("the deadline of 500 ms was kept after %v", took)
	}
	if m := take(t, stuck, Shot{}); m.Bounds().Size() != window(t, stuck) {
		t.Errorf("the next picture has %v", m.Bounds())
	}
}

// BenchmarkScreenshot is of a page with 40 frames in frames and 4,000 elements.
func BenchmarkScreenshot(b *testing.B) {
	pages := map[string]string{"/leaf": strings.Repeat(`<p>A line of <b>text</b> <button>b</button></p>`, 25)}
	pages["/branch"] = strings.Repeat(`<iframe src="/leaf" width=300 height=200></iframe>`, 3)
	pages["/"] = strings.Repeat(`<iframe src="/branch" width=660 height=260></iframe><p>between</p>`, 10) +
		strings.Repeat(`<div style="box-shadow:0 0 9px gray;margin:3px;display:inline-block">cell <a href="#">link</a></div>`, 1000)
	p := browsertest.Tab(b, browsertest.Serve(b, pages))
	for _, shot := range []Shot{{Format: "png"}, {Format: "png", Full: true}, {Format: "jpeg", Full: true}} {
		b.Run(fmt.Sprintf("%s full=%t", shot.Format, shot.Full), func(b *testing.B) {
			for b.Loop() {
				got, err := Screenshot(b.Context(), p, shot)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(got.Data)), "bytes")
			}
		})
	}
}
