package dashboard_test

import (
	"fmt"
	"testing"

	"clawdbot/bus/msg"
)

// The page shows a tab as it changes, says when nothing is to be seen, renews its
// lease as long as it is open, and ends it when it is not.
func TestLivePicture(t *testing.T) {
	f, o := startWhole(t)
	b := f.tab()
	b.open("/")
	b.goTo("#/browser")
	const shown = `document.querySelector("img.picture")?.naturalWidth === 640`
	b.until(shown)
	b.sees("640 × 400")
	b.click("Take one")
	b.sees(`button "Go"`, "Again")
	for _, step := range []struct {
		frame msg.BrowserFrame
		sees  string
	}{
		{msg.BrowserFrame{Hidden: true}, "behind another one or minimised"},
		{msg.BrowserFrame{Ended: "the tab was closed"}, "It ended: the tab was closed."},
	} {
		// The lease is renewed meanwhile, and each renewal sends a frame.
		eventually(t, step.sees, func() bool {
			o.frame("", step.frame)
			return eval[bool](b, fmt.Sprintf(`document.body.innerText.includes(%q) && %s`, step.sees, shown))
		})
	}
	o.mu.Lock()
	delete(o.asked, "browser.watch")
	o.mu.Unlock()
	eventually(t, "the renewal of the lease", func() bool { return o.last("browser.watch") == `{"profile":"clawd","targetId":"T1"}` })
	if o.last("browser.unwatch") != "" {
		t.Error("the lease was ended")
	}
	b.goTo("#/overview")
	eventually(t, "the end of the lease", func() bool { return o.last("browser.unwatch") == `{"profile":"clawd","targetId":"T1"}` })
}
