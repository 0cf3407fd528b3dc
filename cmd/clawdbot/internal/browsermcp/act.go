package browsermcp

import (
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"clawdbot/browser/api"
)

// on chooses the tab and how long to try.
type on struct {
	Profile   string `json:"profile,omitempty" jsonschema:"browser profile; without it the default one"`
	TargetID  string `json:"targetId,omitempty" jsonschema:"id of the tab, or its first letters; without it the tab used last"`
	TimeoutMs int    `json:"timeoutMs,omitempty" jsonschema:"milliseconds to try"`
}

// act is the request of a kind, on that tab.
func (o on) act(kind string) api.ActRequest {
	r := api.ActRequest{Kind: kind, TimeoutMs: o.TimeoutMs}
	r.Profile, r.TargetID = o.Profile, o.TargetID
	return r
}

type element struct {
	on
	Ref string `json:"ref" jsonschema:"ref of the element in the last snapshot, such as e12"`
}

func (e element) act(kind string) api.ActRequest {
	r := e.on.act(kind)
	r.Ref = e.Ref
	return r
}

type click struct {
	element
	DoubleClick bool     `json:"doubleClick,omitempty" jsonschema:"click twice"`
	Button      string   `json:"button,omitempty" jsonschema:"left, right or middle; left without it"`
	Modifiers   []string `json:"modifiers,omitempty" jsonschema:"keys held down: Alt, Control, ControlOrMeta, Meta, Shift"`
}

type typing struct {
	element
	Text   string `json:"text" jsonschema:"replaces what the field holds"`
	Submit bool   `json:"submit,omitempty" jsonschema:"press Enter after it"`
	Slowly bool   `json:"slowly,omitempty" jsonschema:"key by key, for pages that watch keys"`
}

type press struct {
	on
	Key string `json:"key" jsonschema:"a key such as Enter, Escape, a or Control+A"`
}

type drag struct {
	on
	StartRef string `json:"startRef" jsonschema:"ref of what is dragged"`
	EndRef   string `json:"endRef" jsonschema:"ref of where it is dropped"`
}

type choose struct {
	element
	Values []string `json:"values" jsonschema:"values or labels of the options"`
}

type field struct {
	Ref   string `json:"ref" jsonschema:"ref of the field"`
	Type  string `json:"type,omitempty" jsonschema:"checkbox or radio for those; nothing for others"`
	Value any    `json:"value" jsonschema:"text or number; true or false for a checkbox or radio"`
}

type fill struct {
	on
	Fields []field `json:"fields"`
}

type resize struct {
	on
	Width  int `json:"width" jsonschema:"CSS pixels"`
	Height int `json:"height" jsonschema:"CSS pixels"`
}

type wait struct {
	on
	TimeMs    int    `json:"timeMs,omitempty" jsonschema:"milliseconds to wait before the rest"`
	Text      string `json:"text,omitempty" jsonschema:"text that appears"`
	TextGone  string `json:"textGone,omitempty" jsonschema:"text that goes"`
	Selector  string `json:"selector,omitempty" jsonschema:"CSS selector of what appears"`
	URL       string `json:"url,omitempty" jsonschema:"glob of the address, such as **/done"`
	LoadState string `json:"loadState,omitempty" jsonschema:"load, domcontentloaded or networkidle"`
	Fn        string `json:"fn,omitempty" jsonschema:"JavaScript that becomes true"`
}

type evaluate struct {
	on
	Fn  string `json:"fn" jsonschema:"an expression, or a function, which is given the element when there is a ref"`
	Ref string `json:"ref,omitempty" jsonschema:"ref of an element"`
}

// addActs adds a tool for each kind of POST /act.
func addActs(s *mcp.Server, call Call) {
	const path = "/act"
	tool[click]{name: "click", about: "Click an element.", path: path, in: func(in click) any {
		r := in.act("click")
		r.DoubleClick, r.Button, r.Modifiers = in.DoubleClick, in.Button, in.Modifiers
		return r
	}}.add(s, call)
	tool[typing]{name: "type", about: "Type a text into a field.", path: path, in: func(in typing) any {
		r := in.act("type")
		r.Text, r.Submit, r.Slowly = in.Text, in.Submit, in.Slowly
		return r
	}}.add(s, call)
	tool[press]{name: "press", about: "Press a key.", path: path, in: func(in press) any {
		r := in.act("press")
		r.Key = in.Key
		return r
	}}.add(s, call)
	tool[element]{name: "hover", about: "Move the mouse over an element.", path: path, in: func(in element) any { return in.act("hover") }}.add(s, call)
	tool[element]{name: "scroll_into_view", about: "Scroll until an element is in view.", path: path, in: func(in element) any { return in.act("scrollIntoView") }}.add(s, call)
	tool[drag]{name: "drag", about: "Drag one element onto another.", path: path, in: func(in drag) any {
		r := in.act("drag")
		r.StartRef, r.EndRef = in.StartRef, in.EndRef
		return r
	}}.add(s, call)
	tool[choose]{name: "select", about: "Choose options of a select element.", path: path, in: func(in choose) any {
		r := in.act("select")
		r.Values = in.Values
		return r
	}}.add(s, call)
	tool[fill]{name: "fill", about: "Fill the fields of a form.", path: path, in: func(in fill) any {
		r := in.act("fill")
		for _, f := range in.Fields {
			r.Fields = append(r.Fields, api.FormField(f))
		}
		return r
	}}.add(s, call)
	tool[resize]{name: "resize", about: "Change the size of the page's view.", path: path, in: func(in resize) any {
		r := in.act("resize")
		r.Width, r.Height = in.Width, in.Height
		return r
	}}.add(s, call)
	tool[wait]{name: "wait", about: "Wait until the page is as it should be.", path: path, reads: true, in: func(in wait) any {
		r := in.act("wait")
		r.TimeMs, r.Text, r.TextGone, r.Selector = in.TimeMs, in.Text, in.TextGone, in.Selector
		r.URL, r.LoadState, r.Fn = in.URL, in.LoadState, in.Fn
		return r
	}}.add(s, call)
	tool[evaluate]{name: "evaluate", about: "Run JavaScript in the page and return what it returns.", path: path, in: func(in evaluate) any {
		r := in.act("evaluate")
		r.Fn, r.Ref = in.Fn, in.Ref
		return r
	}}.add(s, call)
}
