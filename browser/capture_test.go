package browser

import (
	"archive/zip"
	"bytes"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clawdbot/browser/api"
)

const colours = `data:text/html,<style>body{margin:0}</style><div id=a style="width:60px;height:40px;background:red"></div><div style="height:3000px"></div>`

func TestPictures(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	var opened api.Opened
	s.ok(t, "POST", "/tabs/open", `{"url":`+quote(colours)+`}`, &opened)
	shot := func(args string) (image.Point, string, api.Screenshot) {
		t.Helper()
		var got api.Screenshot
		s.ok(t, "POST", "/screenshot", `{"targetId":"`+opened.TargetID+`"`+args+`}`, &got)
		body := got.Data
		if got.Path != "" {
			info, err := os.Stat(got.Path)
			if err != nil || info.Mode().Perm() != 0o600 || filepath.Dir(got.Path) != filepath.Join(s.cfg.Dir, "media") {
				t.Fatalf("%v, %v", info, err)
			}
			if body, err = os.ReadFile(got.Path); err != nil {
				t.Fatal(err)
			}
		}
		picture, format, err := image.DecodeConfig(bytes.NewReader(body))
		if err != nil || got.ContentType != "image/"+format || !got.OK || got.TargetID != opened.TargetID || got.URL != colours {
			t.Fatalf("%+v: %v", got, err)
		}
		return image.Pt(picture.Width, picture.Height), format, got
	}
	view, format, got := shot(`,"inline":true,"type":"jpeg"`)
	if format != "jpeg" || got.Path != "" || view.Y < 100 || view.Y >= 2000 {
		t.Errorf("the view is a %s of %v", format, view)
	}
	if whole, format, got := shot(`,"fullPage":"yes"`); format != "png" || whole.Y != 2000 || got.Path == "" {
		t.Errorf("the whole page is a %s of %v", format, whole)
	}
	if part, _, _ := shot(`,"element":"#a"`); part != image.Pt(60, 40) {
		t.Errorf("the element has %v", part)
	}
	for body, want := range map[string]struct {
		status int
		says   string
	}{
		`{"type":"gif"}`:                    {400, `type "gif": it is png or jpeg`},
		`{"fullPage":true,"ref":"e1"}`:      {400, "leave out ref and element"},
		`{"fullPage":true,"element":"#a"}`:  {400, "leave out ref and element"},
		`{"ref":"e1","element":"#a"}`:       {400, "give one"},
		`{"element":"<<"}`:                  {400, "is no CSS selector"},
		`{"element":"#none"}`:               {404, "no element fits"},
		`{"ref":"e99"}`:                     {404, "take a new snapshot"},
		`{"ref":"xyz"}`:                     {404, "take a new snapshot"},
		`{"targetId":"nosuch"}`:             {404, "tab not found"},
		`{"fullPage":"perhaps"}`:            {400, "fullPage must be true or false"},
		`{"element":"style","type":"jpeg"}`: {409, "display is none"},
	} {
		s.refused(t, "POST", "/screenshot", body, want.status, want.says)
	}
}

func quote(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }

func TestPrintTraceHighlight(t *testing.T) {
	needChromium(t)
	s := serve(t, nil)
	s.ok(t, "POST", "/tabs/open", `{"url":`+quote(colours)+`}`, nil)

	var printed api.PDF
	s.ok(t, "POST", "/pdf", `{}`, &printed)
	if body, err := os.ReadFile(printed.Path); err != nil || !bytes.HasPrefix(body, []byte("%PDF-")) || printed.URL != colours || printed.TargetID == "" {
		t.Errorf("%+v, %v", printed, err)
	}

	s.refused(t, "POST", "/trace/stop", `{}`, 500, "no trace of tab", "start one first")
	s.ok(t, "POST", "/trace/start", `{"screenshots":true,"snapshots":true,"sources":true}`, nil)
	s.refused(t, "POST", "/trace/start", `{}`, 500, "already running", "stop it first")
	s.refused(t, "POST", "/trace/stop", `{"path":"../t.zip"}`, 400, "leads out of")
	var traced api.Trace
	s.ok(t, "POST", "/trace/stop", `{"path":"t.zip"}`, &traced)
	z, err := zip.OpenReader(traced.Path)
	if err != nil || len(z.File) != 1 || !traced.OK || traced.Path != filepath.Join(s.cfg.Dir, "media", "t.zip") {
		t.Fatalf("%+v, %v", traced, err)
	}
	_ = z.Close()
	s.ok(t, "POST", "/trace/start", `{}`, nil)
	s.refused(t, "POST", "/trace/stop", `{"path":"t.zip"}`, 409, "exists already")
	s.ok(t, "POST", "/trace/stop", `{}`, &traced)
	s.refused(t, "POST", "/trace/stop", `{}`, 500, "start one first")

	s.refused(t, "POST", "/highlight", `{}`, 400, "ref is required")
	s.refused(t, "POST", "/highlight", `{"ref":"e77"}`, 404, "take a new snapshot")
	s.ok(t, "POST", "/highlight", `{"clear":true}`, nil)
}
