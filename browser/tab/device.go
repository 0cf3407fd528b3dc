package tab

import (
	"context"
	"fmt"
	"strings"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp/device"

	"clawdbot/browser/devtools"
)

// agent is what the browser says of itself and its user; "" is the truth.
type agent struct {
	userAgent string
	language  string
}

func (a agent) override() override {
	set := command(emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: a.userAgent, AcceptLanguage: a.language})
	return override{name: "agent", post: set, keep: true}
}

// setAgent changes one part of the agent.
func (t *Tab) setAgent(ctx context.Context, change func(*agent)) error {
	t.overrides.mu.Lock()
	change(&t.overrides.agent)
	now := t.overrides.agent
	t.overrides.mu.Unlock()
	return t.override(ctx, now.override())
}

// SetLocale has pages and servers see a user of the locale.
func (t *Tab) SetLocale(ctx context.Context, locale string) error {
	set := command(emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: locale})
	err := t.override(ctx, override{name: "locale", post: set, keep: true})
	if hasText(err, "Invalid locale") {
		return fmt.Errorf("unknown locale %.64q: it must be one like de-DE", locale)
	}
	if err != nil {
		return err
	}
	return t.setAgent(ctx, func(a *agent) { a.language = locale })
}

// Resize gives the page a viewport of width and height in CSS pixels.
func (t *Tab) Resize(ctx context.Context, width, height int) error {
	return t.setMetrics(ctx, emulation.SetDeviceMetricsOverrideParams{Width: int64(width), Height: int64(height)})
}

func (t *Tab) setMetrics(ctx context.Context, p emulation.SetDeviceMetricsOverrideParams) error {
	return t.override(ctx, override{name: "metrics", post: command(emulation.SetDeviceMetricsOverride, p), keep: true, pageOnly: true})
}

// SetDevice has the page shown as on a device: viewport, scale, touch and user
// agent.
func (t *Tab) SetDevice(ctx context.Context, name string) error {
	d, ok := deviceNamed(name)
	if !ok {
		return fmt.Errorf("unknown device %.64q: known are %s, each also with landscape after it", name, strings.Join(deviceNames(), ", "))
	}
	orientation := &emulation.ScreenOrientation{Type: emulation.ScreenOrientationTypePortraitPrimary}
	if d.Landscape {
		orientation = &emulation.ScreenOrientation{Type: emulation.ScreenOrientationTypeLandscapePrimary, Angle: 90}
	}
	err := t.setMetrics(ctx, emulation.SetDeviceMetricsOverrideParams{
		Width: d.Width, Height: d.Height, ScreenWidth: d.Width, ScreenHeight: d.Height,
		DeviceScaleFactor: d.Scale, Mobile: d.Mobile, ScreenOrientation: orientation,
	})
	if err != nil {
		return err
	}
	touch := command(emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: d.Touch})
	if err := t.override(ctx, override{name: "touch", post: touch, keep: d.Touch}); err != nil {
		return err
	}
	version, err := devtools.Call(ctx, t.conn.Root(), cdpbrowser.GetVersion, cdp.Empty{})
	if err != nil {
		return err
	}
	return t.setAgent(ctx, func(a *agent) { a.userAgent = renewed(d.UserAgent, version.Product) })
}

// renewed is the user agent with the product's version of Chrome, as Chrome
// tells it to sites: the list of devices is older, and sites turn old ones away.
func renewed(userAgent, product string) string {
	before, after, isChrome := strings.Cut(userAgent, "Chrome/")
	_, version, known := strings.Cut(product, "/")
	if !isChrome || !known {
		return userAgent
	}
	_, after, _ = strings.Cut(after, " ")
	major, _, _ := strings.Cut(version, ".")
	return before + "Chrome/" + major + ".0.0.0 " + after
}

func deviceNamed(name string) (device.Info, bool) {
	for d := firstDevice; d <= lastDevice; d++ {
		if strings.EqualFold(d.Device().Name, strings.TrimSpace(name)) {
			return d.Device(), true
		}
	}
	return device.Info{}, false
}

// The devices that chromedp knows, from Puppeteer's list.
const (
	firstDevice = device.Reset + 1
	lastDevice  = device.MotoG4landscape
)

func deviceNames() []string {
	var names []string
	for d := firstDevice; d <= lastDevice; d++ {
		if info := d.Device(); !info.Landscape {
			names = append(names, info.Name)
		}
	}
	return names
}
