package snapshot_test

import (
	"context"
	"errors"
	"testing"

	"clawdbot/browser/browsertest"
	"clawdbot/browser/snapshot"
)

func TestLabelled(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, map[string]string{
		"/":   `<meta http-equiv=Content-Security-Policy content="style-src 'none'"><button id=here>Here</button><iframe src="{other}/in"></iframe><dialog id=d><button>On top</button></dialog><p><button>Below</button>`,
		"/in": `<button>Inside</button>`,
	}))
	do(t, page, `d.show(); d.style.top = '50px'; document.querySelector('p').style.marginTop = '5000px'`)
	text := take(t, page, snapshot.Options{})
	looked := errors.New("looked")
	drawn, skipped, err := snapshot.Labelled(t.Context(), page, text, func(ctx context.Context) error {
		do(t, page, `{ const host = document.documentElement.lastElementChild; if (!host.matches(':popover-open') || getComputedStyle(host).position !== 'fixed') throw new Error(host.outerHTML) }`)
		return looked
	})
	if !errors.Is(err, looked) || drawn != 3 || skipped != 1 {
		t.Errorf("%d drawn, %d skipped, %v", drawn, skipped, err)
	}
	do(t, page, `if (document.documentElement.lastElementChild !== document.body) throw new Error('labels stayed')`)
}
