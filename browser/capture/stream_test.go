package capture

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/devtools"
)

// full is a disk without room after so many bytes.
type full int

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestPDF(t *testing.T) {
	p := browsertest.Page(t, plain+strings.Repeat("<p>A line of text.</p>", 500))
	var b bytes.Buffer
	if err := PDF(within(t), p, &b); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b.Bytes(), []byte("%PDF-")) || !bytes.Contains(b.Bytes()[b.Len()-32:], []byte("%%EOF")) || bytes.Count(b.Bytes(), []byte("/Type /Page\n")) < 5 {
		t.Errorf("%d bytes: %.40q", b.Len(), b.Bytes())
	}
	room := full(1000)
	if err := PDF(within(t), p, &room); !errors.Is(err, errFull) {
		t.Errorf("on a full disk: %v", err)
	}
}

// record traces what the page does meanwhile.
func record(t *testing.T, screenshots bool) (names map[string]int) {
	t.Helper()
	p := browsertest.Page(t, plain)
	trace, err := StartTrace(within(t), p, screenshots)
	if err != nil {
		t.Fatal(err)
	}
	eval(t, p, `new Promise((done) => { performance.mark("in-between"); let n = 0; (function next() { document.body.style.background = n % 2 ? "red" : "blue"; ++n < 20 ? requestAnimationFrame(next) : done(1); })(); })`)
	var packed bytes.Buffer
	if err := trace.Stop(within(t), &packed); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil || len(z.File) != 1 || z.File[0].Name != "trace.json" {
		t.Fatalf("%+v, %v", z, err)
	}
	file, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	var is struct{ TraceEvents []struct{ Name string } }
	if err := json.Unmarshal(body, &is); err != nil {
		t.Fatalf("%d bytes: %v", len(body), err)
	}
	names = map[string]int{}
	for _, e := range is.TraceEvents {
		names[e.Name]++
	}
	return names
}

func TestTrace(t *testing.T) {
	if names := record(t, false); names["in-between"] == 0 || names["Screenshot"] != 0 {
		t.Errorf("without pictures: %v", names)
	}
	if names := record(t, true); names["in-between"] == 0 || names["Screenshot"] == 0 {
		t.Errorf("with pictures: %v", names)
	}
}

func TestTraceEndsBadly(t *testing.T) {
	p := browsertest.Page(t, plain)
	trace, err := StartTrace(within(t), p, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := StartTrace(within(t), browsertest.Page(t, plain), false); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second trace at once: %v", err)
	}
	room := full(100)
	if err := trace.Stop(within(t), &room); !errors.Is(err, errFull) {
		t.Errorf("on a full disk: %v", err)
	}
	if err := trace.Stop(within(t), io.Discard); err == nil {
		t.Error("stopped twice")
	}
	gone := browsertest.Page(t, plain)
	if trace, err = StartTrace(within(t), gone, false); err != nil {
		t.Fatal(err)
	}
	if trace.Over() {
		t.Error("over at once")
	}
	if err := gone.Detach(); err != nil {
		t.Fatal(err)
	}
	if err := trace.Stop(within(t), io.Discard); !errors.Is(err, devtools.ErrDetached) || !trace.Over() {
		t.Errorf("its tab is gone: %v", err)
	}
}
