package tab_test

import (
	"testing"
	"time"

	"clawdbot/browser/browsertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

func TestFramesAndRefs(t *testing.T) {
	base := browsertest.Serve(t, map[string]string{
		"/":      `<title>outer</title><h1 id=h>Main</h1><iframe style="margin:10px;border:5px solid;padding:3px" src="{other}/inner"></iframe><iframe src="{self}/inner"></iframe>`,
		"/inner": `<h2 id=i>Inner</h2>`,
	})
	page := browsertest.Tab(t, base)
	ctx := t.Context()
	if title, err := page.Title(ctx); title != "outer" || err != nil {
		t.Fatalf("title %q, %v", title, err)
	}
	frames := page.Frames()
	if len(frames) != 3 || len(page.Sessions()) != 2 {
		t.Fatalf("%d frames, %d sessions", len(frames), len(page.Sessions()))
	}
	for _, f := range frames {
		start := time.Now()
		var n int
		if err := f.Call(ctx, "find", &n, "h1,h2"); err != nil {
			t.Fatal(err)
		}
		x, y, err := f.Offset(ctx)
		t.Log(f.Index(), f.URL(), n, x, y, err, time.Since(start))
	}
	if x, y, _ := frames[1].Offset(ctx); x != 8+10+5+3 {
		t.Errorf("offset %v %v", x, y)
	}
}
