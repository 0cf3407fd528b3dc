package canvas

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
)

// maxInjected is the size of the largest HTML file that gets the script, in bytes.
const maxInjected = 8 << 20

//go:embed inject.js
var injected string

// script returns the script element for a page of the version.
func script(live bool, version int64) []byte {
	return fmt.Appendf(nil, "<script>((live, version) => {\n%s})(%t, %d);</script>", injected, live, version)
}

// inject puts the script where it runs before all others: at the top of the
// head, or of what stands for it in a page without one.
func inject(page, script []byte) []byte {
	at := 0
	for _, tag := range []string{"<head", "<html", "<!doctype"} {
		if end := tagEnd(page, tag); end > 0 {
			at = end
			break
		}
	}
	return slices.Concat(page[:at], script, page[at:])
}

// tagEnd returns the place behind the first tag of that beginning, or 0.
func tagEnd(page []byte, tag string) int {
	for from := 0; ; {
		i := bytes.IndexByte(page[from:], '<')
		if i < 0 {
			return 0
		}
		start := from + i
		from = start + 1
		after := start + len(tag)
		if after >= len(page) || !bytes.EqualFold(page[start:after], []byte(tag)) {
			continue
		}
		if !bytes.ContainsRune([]byte("> \t\r\n\f/"), rune(page[after])) { // <header>
			continue
		}
		if end := bytes.IndexByte(page[after:], '>'); end >= 0 {
			return after + end + 1
		}
		return 0
	}
}
