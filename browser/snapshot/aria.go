package snapshot

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/chromedp/cdproto/accessibility"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// Aria returns the page, or the one in the iframe that a CSS selector or a ref
// names, as Chromium tells it to screen readers. On long pages that takes many
// times as long as Take.
func Aria(ctx context.Context, t *tab.Tab, frame string) ([]api.AriaNode, error) {
	f, err := rootFrame(ctx, t, frame)
	if err != nil {
		return nil, err
	}
	tree, err := devtools.Call(ctx, f.Session(), accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{FrameID: f.ID()})
	if err != nil {
		return nil, fmt.Errorf("accessibility tree: %w", err)
	}
	return flatten(tree.Nodes), nil
}

// flatten lists the nodes that count, each below its parent.
func flatten(nodes []*accessibility.Node) []api.AriaNode {
	byID := make(map[accessibility.NodeID]*accessibility.Node, len(nodes))
	for _, n := range nodes {
		byID[n.NodeID] = n
	}
	list := []api.AriaNode{}
	var walk func(n *accessibility.Node, depth int)
	walk = func(n *accessibility.Node, depth int) {
		if !n.Ignored {
			list = append(list, api.AriaNode{
				Ref: fmt.Sprintf("ax%d", len(list)+1), Role: said(n.Role), Name: said(n.Name), Value: said(n.Value),
				Description: said(n.Description), BackendDOMNodeID: int64(n.BackendDOMNodeID), Depth: depth,
			})
			depth++
		}
		for _, id := range n.ChildIDs {
			if child := byID[id]; child != nil {
				delete(byID, id) // each once, whatever a page makes of its tree
				walk(child, depth)
			}
		}
	}
	for _, n := range nodes {
		if n.ParentID == "" && byID[n.NodeID] != nil {
			delete(byID, n.NodeID)
			walk(n, 0)
		}
	}
	return list
}

// said is what a property says, "" for nothing.
func said(v *accessibility.Value) string {
	if v == nil || len(v.Value) == 0 {
		return ""
	}
	var text string
	if json.Unmarshal(v.Value, &text) == nil {
		return text
	}
	return string(v.Value)
}
