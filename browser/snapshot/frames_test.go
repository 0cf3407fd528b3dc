package snapshot_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/snapshot"
)

// framed is a page with a frame of its own site, in which is one of another
// site, in which is one of the first again.
var framed = map[string]string{
	"/":      `<button>Top</button><iframe title=near src="/near"></iframe><iframe style="display:none" src="/near"></iframe><p>end`,
	"/near":  `<h2>Near</h2><iframe id=inner title=far src="{other}/far"></iframe>`,
	"/far":   `<button>Far</button><iframe title=back src="{self}/back"></iframe><iframe title=plain src="{self}/plain"></iframe>`,
	"/back":  `<ul><li><button>Back</button></ul>`,
	"/plain": `<p>plain`,
}

func TestFrames(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, framed))
	if len(page.Sessions()) < 2 {
		t.Fatal("no frame has a process of its own")
	}
	all := take(t, page, snapshot.Options{})
	is(t, snapshot.Text{Snapshot: anyRef.ReplaceAllString(all.Snapshot, "[$1]")}, `
- button "Top" []
- iframe "near" []:
  - heading "Near" [level=2] [f]
  - iframe "far" [f]:
    - button "Far" [f]
    - iframe "back" [f]:
      - list [f]:
        - listitem [f]:
          - button "Back" [f]
    - iframe "plain" [f]:
      - paragraph [f]: plain
- paragraph []: end`)
	if all.Stats.Refs != 12 {
		t.Errorf("two nodes have the same ref: %v", all.Refs)
	}
	is(t, take(t, page, snapshot.Options{Interactive: true}), strings.NewReplacer("FAR", refTo(t, all, `button "Far"`), "BACK", refTo(t, all, `button "Back"`),
		"IN", refTo(t, all, `iframe "far"`), "OUT", refTo(t, all, `iframe "back"`)).Replace(`
- button "Top" [ref=e1]
- iframe "near" [ref=e2]:
  - iframe "far" [ref=IN]:
    - button "Far" [ref=FAR]
    - iframe "back" [ref=OUT]:
      - button "Back" [ref=BACK]`))

	inner := take(t, page, snapshot.Options{Frame: refTo(t, all, `iframe "far"`)})
	if !strings.HasPrefix(inner.Snapshot, `- button "Far"`) || !strings.Contains(inner.Snapshot, `"Back"`) {
		t.Errorf("the frame alone:\n%s", inner.Snapshot)
	}
	shallow := take(t, page, snapshot.Options{Depth: 2})
	if !strings.Contains(shallow.Snapshot, `button "Far"`) || strings.Contains(shallow.Snapshot, "list") {
		t.Errorf("two deep:\n%s", shallow.Snapshot)
	}
}

// anyRef finds the refs in a snapshot, and which of them are of frames.
var anyRef = regexp.MustCompile(`\[ref=(f?)\d*e?\d+\]`)

// TestHungFrame: a frame that does not answer is told of, and the page is there.
func TestHungFrame(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, map[string]string{
		"/":     `<button>Top</button><iframe title=stuck src="{other}/hang"></iframe><p>end`,
		"/hang": `<button>Never</button><script>onmessage = () => { parent.postMessage('now', '*'); setTimeout(() => { for (;;); }); }</script>`,
	}))
	do(t, page, `new Promise((hung) => { onmessage = hung; frames[0].postMessage('', '*'); })`)
	start := time.Now()
	text := take(t, page, snapshot.Options{Interactive: true})
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	is(t, text, `
- button "Top" [ref=e1]
- iframe "stuck" [ref=e2]:
  - text: "(not read: the page does not answer in time: its script may be busy)"`)
}

// TestFleetingFrames: frames that come and go fail no snapshot.
func TestFleetingFrames(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, map[string]string{"/": `<button>Top</button><div id=d></div>`, "/in": `<button>In</button>`}))
	do(t, page, `setInterval(() => {
		d.replaceChildren(...['/in', location.origin.replace('127.0.0.1', 'localhost') + '/in', 'about:blank'].map((src) => Object.assign(document.createElement('iframe'), { src })));
	}, 7)`)
	for range 10 {
		if text := take(t, page, snapshot.Options{}); !strings.HasPrefix(text.Snapshot, `- button "Top" [ref=e1]`) {
			t.Fatalf("snapshot:\n%s", text.Snapshot)
		}
	}
}
