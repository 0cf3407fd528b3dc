package browser

import (
	"context"
	"net/http"

	"github.com/chromedp/cdproto/target"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// room refuses, with status 409, another tab beyond browser.maxTabs.
func (b *browser) room(ctx context.Context, l *link) error {
	most := b.server.cfg.Settings.MaxTabs
	pages, err := l.pages(ctx)
	if err != nil {
		return err
	}
	if len(pages) >= most {
		return api.Errorf(http.StatusConflict, "browser profile %q has %d tabs, and browser.maxTabs is %d: close some first", b.name, len(pages), most)
	}
	return nil
}

// limitTabs closes what pages open beyond browser.maxTabs, as one that opens
// windows without end does.
func (b *browser) limitTabs(ctx context.Context, l *link) error {
	most, log := b.server.cfg.Settings.MaxTabs, b.server.cfg.Log
	open := map[target.ID]bool{} // only of the goroutine that reads events
	devtools.On(l.conn.Root(), target.TargetDestroyed, func(e target.EventTargetDestroyed) { delete(open, e.TargetID) })
	devtools.On(l.conn.Root(), target.TargetCreated, func(e target.EventTargetCreated) {
		if e.TargetInfo.Type != "page" || e.TargetInfo.Subtype != "" {
			return
		}
		open[e.TargetInfo.TargetID] = true
		if len(open) <= most {
			return
		}
		log.Warn("a tab beyond browser.maxTabs is closed", "browserProfile", b.name, "maxTabs", most, "openedBy", e.TargetInfo.OpenerID)
		l.running.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			defer cancel()
			_ = devtools.Do(ctx, l.conn.Root(), target.CloseTarget, target.CloseTargetParams{TargetID: e.TargetInfo.TargetID}) // may be gone already
		})
	})
	return devtools.Do(ctx, l.conn.Root(), target.SetDiscoverTargets, target.SetDiscoverTargetsParams{
		Discover: true, Filter: target.Filter{{Type: "page"}},
	})
}
