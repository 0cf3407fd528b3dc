package browser

import (
	"context"
	"net/http"

	"clawdbot/browser/api"
)

// tabsAction answers POST /tabs/action.
func (s *Server) tabsAction(ctx context.Context, b *browser, in api.TabsActionRequest) (answer, error) {
	switch in.Action {
	case "list":
		return s.listTabs(ctx, b)
	case "new":
		opened, err := s.open(ctx, b, api.OpenRequest{ProfileRequest: in.ProfileRequest, URL: blank})
		if err != nil {
			return nil, err
		}
		return &api.TabsActed{OK: true, Tab: &opened.(*api.Opened).Tab}, nil
	case "close":
		return atIndex(ctx, b, in, (*link).closeTab)
	case "select":
		if in.Index == nil {
			return nil, api.Errorf(http.StatusBadRequest, "index is required: the tab's place in the list, from 0")
		}
		return atIndex(ctx, b, in, (*link).activate)
	}
	return nil, api.Errorf(http.StatusBadRequest, "no action %q: there is list, new, close and select", in.Action)
}

func (s *Server) listTabs(ctx context.Context, b *browser) (answer, error) {
	l, err := b.attached()
	if err != nil { // no browser has no tabs
		return &api.TabsActed{OK: true, Tabs: []api.Tab{}}, nil
	}
	pages, err := l.pages(ctx)
	return &api.TabsActed{OK: true, Tabs: pages}, err
}

// atIndex does something to the tab at a place in the list, the first by default.
func atIndex(ctx context.Context, b *browser, in api.TabsActionRequest, do func(*link, context.Context, string) error) (answer, error) {
	l, err := b.attached()
	if err != nil {
		return nil, err
	}
	pages, err := l.pages(ctx)
	if err != nil {
		return nil, err
	}
	i := 0
	if in.Index != nil {
		i = *in.Index
	}
	if i < 0 || i >= len(pages) {
		return nil, api.Errorf(http.StatusNotFound, "tab not found; open tabs: %d", len(pages))
	}
	if err := do(l, ctx, pages[i].TargetID); err != nil {
		return nil, err
	}
	if in.Action == "select" {
		l.used(pages[i].TargetID)
	}
	return &api.TabsActed{OK: true, TargetID: pages[i].TargetID}, nil
}
