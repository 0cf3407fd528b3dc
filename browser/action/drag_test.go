package action_test

import (
	"net/http"
	"testing"
	"time"

	"clawdbot/browser/action"
	"clawdbot/browser/browsertest"
)

func TestDragPointer(t *testing.T) {
	page := browsertest.Page(t, `<div id=a style="width:50px;height:50px;background:red"></div><div id=b style="width:50px;height:50px;margin:100px;background:blue"></div><script>
		const seen = [];
		addEventListener('mousedown', (e) => seen.push('down ' + e.target.id));
		addEventListener('mousemove', (e) => { if (e.buttons === 1) seen.push('move') });
		addEventListener('mouseup', (e) => seen.push('up ' + e.target.id));</script>`)
	if err := action.Drag(within(t, 20*time.Second), page, ref(t, page, "#a"), ref(t, page, "#b")); err != nil {
		t.Fatal(err)
	}
	if got := value(t, page.Main(), `seen.filter((s) => s !== 'move').join() + seen.includes('move')`); got != `"down a,up btrue"` {
		t.Errorf("%s", got)
	}
}

func TestDragNative(t *testing.T) {
	page := browsertest.Page(t, `<div id=a draggable=true>Card</div><div style="height:1500px"></div><div id=b style="height:60px;background:silver">Done</div><script>
		const seen = [];
		for (const kind of ['dragstart', 'drop', 'dragend', 'mouseup', 'click']) addEventListener(kind, (e) => seen.push(kind));
		a.addEventListener('dragstart', (e) => e.dataTransfer.setData('text/plain', 'card 7'));
		b.addEventListener('dragover', (e) => e.preventDefault());
		b.addEventListener('drop', (e) => { e.preventDefault(); b.textContent = e.dataTransfer.getData('text/plain') });</script><button id=c>Next</button>`)
	if err := action.Drag(within(t, 20*time.Second), page, ref(t, page, "#a"), ref(t, page, "#b")); err != nil {
		t.Fatal(err)
	}
	if got := value(t, page.Main(), `b.textContent + ' ' + seen.join()`); got != `"card 7 dragstart,drop,dragend"` {
		t.Errorf("%s", got)
	}
	if err := action.Click(within(t, 20*time.Second), page, ref(t, page, "#c"), action.ClickOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := value(t, page.Main(), `seen.at(-1)`); got != `"click"` {
		t.Errorf("after the drag a click gave %s", got)
	}
}

func TestDragInFrame(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, map[string]string{
		"/": `<div style="height:900px"></div><iframe style="height:400px" src="{other}/inner"></iframe>`,
		"/inner": `<div id=a draggable=true>Card</div><div id=m style="width:40px;height:40px;background:red"></div><div style="height:90px"></div><div id=b style="height:60px;background:silver">Done</div><script>
			const seen = [];
			m.addEventListener('mousedown', () => addEventListener('mouseup', (e) => seen.push('up ' + e.target.id), {once: true}));
			b.addEventListener('dragover', (e) => e.preventDefault());
			b.addEventListener('drop', () => seen.push('drop'));</script>`,
	}))
	inner := frame(t, page, "/inner")
	for _, c := range []struct{ from, want string }{{"#m", `["up b"]`}, {"#a", `["up b","drop"]`}} {
		if err := action.Drag(within(t, 20*time.Second), page, refIn(t, inner, c.from), refIn(t, inner, "#b")); err != nil {
			t.Fatal(err)
		}
		holds(t, inner, "JSON.stringify(seen) === '"+c.want+"'")
	}
}

func TestDragRefusedPressesNothing(t *testing.T) {
	page := browsertest.Page(t, `<button id=a onmousedown="window.pressed=true">A</button><div id=b hidden>B</div>`)
	a, b := ref(t, page, "#a"), ref(t, page, "#b")
	err := action.Drag(within(t, 800*time.Millisecond), page, a, b)
	refused(t, err, http.StatusConflict, `<div id="b"> is hidden`)
	if value(t, page.Main(), "window.pressed === undefined") != "true" {
		t.Error("the start was pressed")
	}
}
