package browser

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"net/url"
	"os"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
)

// testLook takes pictures and a snapshot of a page that is longer than the view.
func testLook(t *testing.T, s *site) {
	page := "data:text/html," + url.PathEscape(`<title>shop</title><h1>Apples</h1><button aria-label="Buy now">x</button><input value="three"><div style="height:3000px">`)
	var opened Opened
	s.ok(t, "POST", "/tabs/open", fmt.Sprintf(`{"url":%q}`, page), &opened)

	shot := func(more string) (size image.Point, format string) {
		t.Helper()
		var got Screenshot
		s.ok(t, "POST", "/screenshot", fmt.Sprintf(`{"targetId":%q%s}`, opened.TargetID, more), &got)
		body := got.Data
		if got.Path != "" {
			info, err := os.Stat(got.Path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("%v, %v", info, err)
			}
			if body, err = os.ReadFile(got.Path); err != nil {
				t.Fatal(err)
			}
		}
		picture, format, err := image.DecodeConfig(bytes.NewReader(body))
		if err != nil || got.ContentType != "image/"+format || !got.OK || got.TargetID != opened.TargetID {
			t.Fatalf("%+v: %v", got, err)
		}
		return image.Pt(picture.Width, picture.Height), format
	}
	view, format := shot(`,"inline":true,"type":"jpeg"`)
	if format != "jpeg" || view.Y < 100 || view.Y >= 3000 {
		t.Errorf("the view is a %s of %v", format, view)
	}
	if whole, format := shot(`,"fullPage":true`); format != "png" || whole.Y < 3000 {
		t.Errorf("the whole page is a %s of %v", format, whole)
	}
	s.refused(t, "POST", "/screenshot", `{"type":"gif"}`, 400, `type "gif": it is png or jpeg`)
	s.refused(t, "POST", "/screenshot", `{"targetId":"nosuch"}`, 404, "tab not found")

	var snap Snapshot
	if s.ok(t, "GET", "/snapshot", "", &snap); snap.TargetID == "" {
		t.Errorf("the first tab: %+v", snap)
	}
	snap = Snapshot{}
	s.ok(t, "GET", "/snapshot?format=aria&targetId="+opened.TargetID, "", &snap)
	found := map[string]AriaNode{}
	for _, n := range snap.Nodes {
		found[n.Role+" "+n.Name] = n
	}
	if len(snap.Nodes) == 0 || snap.Nodes[0].Role != "RootWebArea" || snap.Nodes[0].Depth != 0 || snap.Truncated {
		t.Fatalf("%+v", snap)
	}
	if found["heading Apples"].Depth != 1 || found["button Buy now"].BackendDOMNodeID == 0 || found["textbox "].Value != "three" {
		t.Errorf("nodes: %+v", snap.Nodes)
	}
	if s.ok(t, "GET", "/snapshot?limit=2&targetId="+opened.TargetID, "", &snap); len(snap.Nodes) != 2 || !snap.Truncated {
		t.Errorf("two nodes: %+v", snap)
	}
	s.refused(t, "GET", "/snapshot?format=ai", "", 400, "only aria is")
	s.refused(t, "GET", "/snapshot?limit=2001", "", 400, "limit must be from 1 to 2000")
	s.ok(t, "DELETE", "/tabs/"+opened.TargetID, "", nil)
}

// TestFlatten: what a page makes of its tree ends no process.
func TestFlatten(t *testing.T) {
	role := func(name string) *accessibility.Value {
		text, _ := json.Marshal(name)
		return &accessibility.Value{Value: text}
	}
	list := flatten([]*accessibility.Node{
		{NodeID: "1", Role: role("page"), ChildIDs: []accessibility.NodeID{"2", "9"}},
		{NodeID: "2", ParentID: "1", Ignored: true, ChildIDs: []accessibility.NodeID{"3", "1"}},
		{NodeID: "3", ParentID: "2", Role: role("button"), ChildIDs: []accessibility.NodeID{"3"}},
	})
	if len(list) != 2 || list[1].Role != "button" || list[1].Depth != 1 || list[1].Ref != "ax2" {
		t.Errorf("%+v", list)
	}
}
