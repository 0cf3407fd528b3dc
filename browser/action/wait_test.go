package action_test

import (
	"net/http"
	"testing"
	"time"

	"clawdbot/browser/action"
	"clawdbot/browser/browsertest"
)

func TestWait(t *testing.T) {
	base := browsertest.Serve(t, map[string]string{
		"/": `<p id=p>Loading</p><p style="display:none">secret</p><my-box></my-box><input type=submit value="Send it"><iframe src="{other}/inner"></iframe><script>
			document.querySelector('my-box').attachShadow({mode: 'open'}).innerHTML = '<b id=deep>Deep   words</b>';
			setTimeout(() => {
				p.innerHTML = 'All <i>is</i>\n done';
				p.className = 'ready';
				window.ready = true;
				history.pushState(null, '', '/shop/cart?id=7');
			}, 300);</script>`,
		"/inner": `<p id=q></p><script>setTimeout(() => { q.textContent = 'From the frame' }, 300)</script>`,
	})
	for name, c := range map[string]action.Conditions{
		"time":             {Time: 100 * time.Millisecond},
		"text":             {Text: "all IS done"},
		"text gone":        {TextGone: "Loading"},
		"text in shadow":   {Text: "Deep words"},
		"text of a button": {Text: "send it"},
		"text in a frame":  {Text: "from the frame"},
		"selector":         {Selector: "p.ready"},
		"in shadow":        {Selector: "#deep"},
		"url":              {URL: "**/shop/*"},
		"part of url":      {URL: "cart?id="},
		"load":             {LoadState: "load"},
		"dom":              {LoadState: "domcontentloaded"},
		"idle":             {LoadState: "networkidle"},
		"expression":       {Fn: "window.ready"},
		"function":         {Fn: "() => window.ready === true"},
		"async function":   {Fn: "async () => { await null; return window.ready }"},
		"several":          {Time: time.Millisecond, Text: "done", TextGone: "Loading", URL: "**/cart**", Fn: "ready"},
	} {
		t.Run(name, func(t *testing.T) {
			page := browsertest.Tab(t, base)
			if err := action.Wait(within(t, 20*time.Second), page, c); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestWaitOverNavigation(t *testing.T) {
	page := browsertest.Tab(t, browsertest.Serve(t, map[string]string{
		"/":     `<script>setTimeout(() => { location = '/next' }, 300)</script>`,
		"/next": `<h1>Arrived</h1>`,
	}))
	for _, c := range []action.Conditions{{Text: "arrived"}, {Fn: "document.querySelector('h1') !== null"}} {
		if err := action.Wait(within(t, 20*time.Second), page, c); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWaitRefused(t *testing.T) {
	page := browsertest.Page(t, `<p>there</p><p style="display:none">secret</p><iframe hidden srcdoc="<p>veiled"></iframe>`)
	for name, c := range map[string]struct {
		wait   action.Conditions
		status int
		parts  []string
	}{
		"nothing":      {action.Conditions{}, http.StatusBadRequest, []string{"one of timeMs", "textGone"}},
		"text":         {action.Conditions{Text: "never"}, 500, []string{`the text "never" did not appear within`, "ms"}},
		"hidden text":  {action.Conditions{Text: "secret"}, 500, []string{"did not appear"}},
		"hidden frame": {action.Conditions{Text: "veiled"}, 500, []string{"did not appear"}},
		"text gone":    {action.Conditions{TextGone: "there"}, 500, []string{`the text "there" did not go within`}},
		"selector":     {action.Conditions{Selector: "#never"}, 500, []string{`"#never"`}},
		"bad selector": {action.Conditions{Selector: "p["}, http.StatusBadRequest, []string{`"p[" is not a CSS selector`}},
		"bad glob":     {action.Conditions{URL: "**/{a"}, http.StatusBadRequest, []string{"url:", "never closed"}},
		"url":          {action.Conditions{URL: "**/never"}, 500, []string{"**/never within"}},
		"bad state":    {action.Conditions{LoadState: "ready"}, http.StatusBadRequest, []string{`"ready"`, "networkidle"}},
		"fn":           {action.Conditions{Fn: "false"}, 500, []string{"did not become true within"}},
		"fn throws":    {action.Conditions{Fn: "never.was"}, http.StatusBadRequest, []string{"never is not defined"}},
		"fn unread":    {action.Conditions{Fn: "(("}, http.StatusBadRequest, []string{"cannot be read", "SyntaxError"}},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			refused(t, action.Wait(within(t, 500*time.Millisecond), page, c.wait), c.status, c.parts...)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
