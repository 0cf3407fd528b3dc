package tab_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/tab"
)

func TestDialogs(t *testing.T) {
	page := browsertest.Page(t, "<p>page</p>")
	main := page.Main()
	if evaluate[bool](t, main, `confirm("?")`) {
		t.Error("a dialog that nobody armed for is accepted")
	}
	page.ArmDialog(tab.DialogAnswer{Accept: true, Text: "first"}, time.Minute)
	page.ArmDialog(tab.DialogAnswer{Accept: true, Text: "second"}, time.Minute)
	if got := evaluate[string](t, main, `prompt("?", "default")`); got != "second" {
		t.Errorf("prompt: %q", got)
	}
	if got := evaluate[*string](t, main, `prompt("?", "default")`); got != nil {
		t.Errorf("armed for once, and the next prompt got %q", *got)
	}
	page.ArmDialog(tab.DialogAnswer{Accept: true}, time.Nanosecond)
	if evaluate[bool](t, main, `confirm("?")`) {
		t.Error("an arm whose time was over is used")
	}
}

func TestDialogBeforeUnload(t *testing.T) {
	page := browsertest.Page(t, `<script>addEventListener("beforeunload", (e) => e.preventDefault())</script>`)
	evaluate[any](t, page.Main(), `document.body.click()`) // with a gesture, which the dialog needs
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if at, err := page.Navigate(ctx, "about:blank"); err != nil || at != "about:blank" {
		t.Errorf("left for %q, %v", at, err)
	}
}

func TestDialogsForEver(t *testing.T) {
	page := browsertest.Page(t, "<p>page</p>")
	beside := browsertest.Page(t, "<p>beside</p>")
	evaluate[any](t, page.Main(), `setTimeout(() => { for (;;) alert("again") })`)
	if got := evaluate[int](t, beside.Main(), "1+1"); got != 2 {
		t.Errorf("the other tab says %d", got)
	}
	if got := evaluate[int](t, page.Main(), "1+1"); got != 2 {
		t.Errorf("the page says %d", got)
	}
	if all := page.Errors(false); len(all) != 1 || !strings.Contains(all[0].Message, "its script was ended") {
		t.Errorf("errors %+v", all)
	}
}

// files makes two files to upload.
func files(t *testing.T) []string {
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "a.txt"), filepath.Join(dir, "b.txt")}
	for i, path := range paths {
		if err := os.WriteFile(path, []byte{byte('a' + i)}, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// clicks clicks an element of the page, with a gesture.
func clicks(t *testing.T, f *tab.Frame, selector string) {
	t.Helper()
	evaluate[any](t, f, fmt.Sprintf("document.querySelector(%q).click()", selector))
}

const contents = `Promise.all([...document.querySelector("#SEL").files].map((f) => f.text())).then((all) => all.join())`

func TestChooser(t *testing.T) {
	_, other := serve(t, map[string]http.HandlerFunc{"/frame": html(`<input id=inner type=file>`)})
	page := browsertest.Page(t, `<input id=one type=file><input id=many type=file multiple><iframe src="`+other+`/frame"></iframe>`)
	paths := files(t)
	holds := func(f *tab.Frame, id string) string {
		return evaluate[string](t, f, strings.ReplaceAll(contents, "SEL", id))
	}
	arm := func(paths []string, within time.Duration) <-chan error {
		t.Helper()
		done, err := page.ArmChooser(t.Context(), paths, within)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	replaced := arm(paths[1:], time.Minute)
	done := arm(paths, time.Minute)
	says(t, <-replaced, 409, "later call")
	clicks(t, page.Main(), "#many")
	if err := <-done; err != nil || holds(page.Main(), "many") != "a,b" {
		t.Errorf("the input holds %q, %v", holds(page.Main(), "many"), err)
	}
	done = arm(paths, time.Minute)
	clicks(t, page.Main(), "#one")
	says(t, <-done, 400, "takes one file, not 2")
	done = arm(paths[1:], time.Minute)
	clicks(t, page.Frames()[1], "#inner")
	if err := <-done; err != nil || holds(page.Frames()[1], "inner") != "b" {
		t.Errorf("the frame's input holds %q, %v", holds(page.Frames()[1], "inner"), err)
	}
	done = arm(paths, time.Millisecond)
	says(t, <-done, 500, "no file chooser within 1ms")
	for want, paths := range map[string][]string{
		"paths are required": nil,
		"must be absolute":   {"a.txt"},
		"no such file":       {filepath.Join(t.TempDir(), "none")},
		"it is no file":      {t.TempDir()},
	} {
		_, err := page.ArmChooser(t.Context(), paths, time.Minute)
		says(t, err, 400, want)
	}
}

func TestUpload(t *testing.T) {
	page := browsertest.Page(t, `<input id=one type=file hidden onchange="this.title = this.files[0].name"><p id=p>text</p>`)
	ref := func(selector string) tab.Ref {
		r := tab.Ref{Frame: page.Main()}
		if err := r.Frame.Call(t.Context(), "find", &r.N, selector); err != nil {
			t.Fatal(err)
		}
		return r
	}
	paths := files(t)
	if err := ref("#one").Upload(t.Context(), paths[:1]); err != nil {
		t.Fatal(err)
	}
	if got := evaluate[string](t, page.Main(), "one.title"); got != "a.txt" {
		t.Errorf("the page saw %q", got)
	}
	says(t, ref("#one").Upload(t.Context(), paths), 400, "takes one file, not 2")
	says(t, ref("#p").Upload(t.Context(), paths), 409, "no <input type=file>")
	says(t, ref("#one").Upload(t.Context(), nil), 400, "paths are required")
}

// attachment is a file to download.
func attachment(name, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		_, _ = io.WriteString(w, body)
	}
}

func TestDownload(t *testing.T) {
	release := make(chan struct{})
	self, other := serve(t, map[string]http.HandlerFunc{
		"/":      html(`<a id=a href=/file>a</a><a id=blank target=_blank href=/file>b</a><a id=blob download="../../blob.txt" href="data:text/plain,blob">c</a><iframe src="http://localhost/"></iframe>`),
		"/file":  attachment("re port.txt", "report"),
		"/frame": html(`<a id=a href=/file>a</a>`),
		"/broken": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			attachment("broken.bin", "half")(w, nil)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"/slow": func(w http.ResponseWriter, r *http.Request) {
			attachment("slow.bin", strings.Repeat("half", 100_000))(w, nil)
			w.(http.Flusher).Flush()
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
	})
	t.Cleanup(func() { close(release) }) // before the server waits for it
	dir := filepath.Join(t.TempDir(), "downloads")
	page := browsertest.TabWith(t, self+"/", tab.Config{Downloads: tab.NewDownloads(dir, slog.New(slog.DiscardHandler))})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	click := func(f *tab.Frame, selector string) func(context.Context) error {
		return func(context.Context) error { clicks(t, f, selector); return nil }
	}
	check := func(path, want string) {
		t.Helper()
		body, err := os.ReadFile(path)
		info, _ := os.Stat(path)
		if err != nil || string(body) != want || info.Mode().Perm() != 0o600 {
			t.Errorf("%s holds %q, %v, %v", path, body, info, err)
		}
	}
	for _, want := range []string{"re port.txt", "re port (1).txt"} {
		got, err := page.Download(ctx, "", click(page.Main(), "#a"))
		if err != nil || got.URL != self+"/file" || got.SuggestedFilename != "re port.txt" || got.Path != filepath.Join(dir, want) {
			t.Errorf("%+v, %v", got, err)
		}
		check(got.Path, "report")
	}
	clicks(t, page.Main(), "#a") // nobody waits for it
	eventually(t, "the download's name", func() bool { _, err := os.Stat(filepath.Join(dir, "re port (2).txt")); return err == nil })
	to := filepath.Join(t.TempDir(), "mine.txt")
	if err := os.WriteFile(to, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := page.Download(ctx, to, click(page.Main(), "#a"))
	if err != nil || got.Path != to {
		t.Errorf("%+v, %v", got, err)
	}
	check(to, "report")
	if got, err = page.Download(ctx, "", click(page.Main(), "#blob")); err != nil || filepath.Dir(got.Path) != dir {
		t.Errorf("%+v, %v", got, err)
	}
	check(got.Path, "blob")
	evaluate[any](t, page.Main(), `document.body.innerHTML += '<iframe src="`+other+`/frame">'`)
	eventually(t, "the frame", func() bool {
		frames := page.Frames()
		return frames[len(frames)-1].URL() == other+"/frame"
	})
	if got, err = page.Download(ctx, "", click(page.Frames()[len(page.Frames())-1], "#a")); err != nil || got.URL != other+"/file" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = page.Download(ctx, "", click(page.Main(), "#blank")); err != nil {
		t.Errorf("a link to a new tab: %+v, %v", got, err)
	}
	_, err = page.Download(ctx, "", func(context.Context) error { evaluate[any](t, page.Main(), `location = "/broken"`); return nil })
	says(t, err, 500, "/broken was cancelled")
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err = page.Download(short, "", func(context.Context) error { evaluate[any](t, page.Main(), `location = "/slow"`); return nil })
	says(t, err, 500, "/slow is not done in the time given")
	_, err = page.Download(short, "", nil)
	says(t, err, 500, "no download began")
	for path, want := range map[string]string{
		"mine.txt":                        "must be absolute",
		dir:                               "is there and no file",
		filepath.Join(dir, "none", "x"):   "there is no folder",
		filepath.Join(dir, "link", "..."): "there is no folder",
	} {
		_, err := page.Download(ctx, path, nil)
		says(t, err, 400, want)
	}
}
