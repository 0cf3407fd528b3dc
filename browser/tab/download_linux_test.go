package tab_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/tab"
)

func TestDownloadDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	dir := t.TempDir()
	must(t, unix.Mount("none", dir, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	self, _ := serve(t, map[string]http.HandlerFunc{
		"/": html("page"),
		"/large": func(w http.ResponseWriter, r *http.Request) {
			attachment("large.bin", "")(w, r)
			_, _ = w.Write(bytes.Repeat([]byte("x"), 4<<20))
		},
	})
	page := browsertest.TabWith(t, self+"/", tab.Config{Downloads: tab.NewDownloads(dir, slog.New(slog.DiscardHandler))})
	_, err := page.Download(t.Context(), "", func(context.Context) error {
		evaluate[any](t, page.Main(), `location = "/large"`)
		return nil
	})
	says(t, err, 500, "/large broke off: the disk of "+dir+" is full")
	eventually(t, "an empty folder", func() bool {
		left, err := os.ReadDir(dir)
		return err == nil && len(left) == 0
	})
}
