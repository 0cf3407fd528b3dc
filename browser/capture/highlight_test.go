package capture

import (
	"errors"
	"image"
	"testing"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/tab"
)

// A node is painted over, one at a time, in frames of other processes too.
func TestHighlight(t *testing.T) {
	const box = `<!doctype html><style>body{margin:0}#box{width:100px;height:60px;background:white}iframe{border:0;width:300px;height:100px}</style><div id=box></div>`
	p := browsertest.Tab(t, browsertest.Serve(t, map[string]string{
		"/": box + `<div style="height:40px"></div><iframe src="{other}/in"></iframe><div style="height:3000px"></div><p id=far>far</p>`, "/in": box,
	}))
	inner := lastFrame(t, p, 2)
	own, foreign := image.Pt(50, 30), image.Pt(50, 130)
	lit := func() [2]bool {
		m := take(t, p, Shot{})
		return [2]bool{!near(m, own.X, own.Y, white), !near(m, foreign.X, foreign.Y, white)}
	}
	for _, step := range []struct {
		name string
		do   func() error
		want [2]bool
	}{
		{"nothing", func() error { return nil }, [2]bool{}},
		{"the page's", func() error { return Highlight(within(t), p, find(t, p.Main(), "#box")) }, [2]bool{true, false}},
		{"the frame's", func() error { return Highlight(within(t), p, find(t, inner, "#box")) }, [2]bool{false, true}},
		{"cleared", func() error { return Unhighlight(within(t), p) }, [2]bool{}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		var is [2]bool
		eventually(t, step.name, func() bool { is = lit(); return is == step.want })
	}
	if err := Highlight(within(t), p, find(t, p.Main(), "#far")); err != nil || eval(t, p, "scrollY > 1000") != "true" {
		t.Errorf("%v; it was not scrolled into view", err)
	}
	var problem *tab.Problem
	if err := Highlight(within(t), p, tab.Ref{Frame: p.Main(), N: 9999}); !errors.As(err, &problem) || problem.Code != "unknown-ref" {
		t.Errorf("got %v", err)
	}
}
