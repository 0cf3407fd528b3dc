package action

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp/kb"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// Slowly is the time between the keys of a text that is typed slowly.
const Slowly = 75 * time.Millisecond

// Bits of a modifier in events of mouse and keyboard, as CDP has them.
const (
	alt int64 = 1 << iota
	control
	meta
	shift
)

func badArgument(format string, a ...any) error {
	return api.Errorf(http.StatusBadRequest, format, a...)
}

// modifier returns the bit of a modifier key by its name, 0 for another key.
func modifier(name string) int64 {
	switch strings.ToLower(name) {
	case "alt", "option":
		return alt
	case "control", "ctrl", "controlormeta":
		return control
	case "meta", "command", "cmd":
		return meta
	case "shift":
		return shift
	}
	return 0
}

func modifierBits(names []string) (bits int64, err error) {
	for _, name := range names {
		bit := modifier(name)
		if bit == 0 {
			return 0, badArgument("no modifier %q: there is Alt, Control, ControlOrMeta, Meta and Shift", name)
		}
		bits |= bit
	}
	return bits, nil
}

// chord is a key with the modifiers that are held.
type chord struct {
	held []*kb.Key // in the order in which they go down
	bits int64     // of held
	key  *kb.Key
}

// parseChord reads a key of press: its name (Enter), its place on the keyboard
// (KeyA), a character, or one of these after modifiers (Control+A).
func parseChord(text string) (c chord, err error) {
	rest := text
	for {
		name, after, ok := strings.Cut(rest, "+")
		if !ok || after == "" || modifier(name) == 0 {
			break
		}
		held := findKey(modifierName(modifier(name)))
		c.held = append(c.held, held)
		c.bits |= modifier(name)
		rest = after
	}
	if bit := modifier(rest); bit != 0 {
		rest = modifierName(bit)
	}
	if c.key = findKey(rest); c.key == nil && utf8.RuneCountInString(rest) == 1 {
		c.key = &kb.Key{Key: rest, Text: rest, Unmodified: rest, Print: true}
	}
	if c.key == nil {
		return c, badArgument("unknown key %.64q: %s", text, near(rest))
	}
	if c.bits&shift != 0 {
		c.key = shifted(c.key)
	}
	return c, nil
}

func modifierName(bit int64) string {
	switch bit {
	case alt:
		return "Alt"
	case control:
		return "Control"
	case meta:
		return "Meta"
	}
	return "Shift"
}

// findKey looks a key up by its name, in either case, or by its place.
func findKey(name string) *kb.Key {
	if r, size := utf8.DecodeRuneInString(name); size == len(name) && kb.Keys[r] != nil {
		return kb.Keys[r]
	}
	name = cmp.Or(otherName(name), name)
	for _, k := range kb.Keys {
		if len(k.Key) > 1 && strings.EqualFold(k.Key, name) || k.Code == name && !k.Shift {
			return k
		}
	}
	return nil
}

// otherName returns the name of a key that goes by another one, too.
func otherName(name string) string {
	switch strings.ToLower(name) {
	case "esc":
		return "Escape"
	case "return":
		return "Enter"
	case "del":
		return "Delete"
	case "up", "down", "left", "right":
		return "Arrow" + name
	}
	return ""
}

// shifted is what the key gives while Shift is held.
func shifted(k *kb.Key) *kb.Key {
	for _, other := range kb.Keys {
		if k.Print && other.Shift && other.Code == k.Code {
			return other
		}
	}
	return k
}

// near names the keys that are most like the unknown one.
func near(name string) string {
	lower := strings.ToLower(name)
	like := map[string]bool{}
	for _, k := range kb.Keys {
		known := k.Key
		if known == " " {
			known = k.Code
		}
		key := strings.ToLower(known)
		if len(key) > 1 && (strings.Contains(key, lower) || strings.Contains(lower, key) || alike(key, lower)) {
			like[known] = true
		}
	}
	if lower == "" || len(like) == 0 {
		return "there are Enter, Tab, Escape, Backspace, Delete, Space, ArrowDown, PageDown, Home, End, F1, single characters, and modifiers before them as in Control+A"
	}
	names := slices.Sorted(maps.Keys(like))
	return "near to it are " + strings.Join(names[:min(len(names), 8)], ", ")
}

// alike: the names differ by one letter that is added, left out or changed.
func alike(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return len(a) > 3 && (a[i:] == b[i+1:] || len(a) == len(b) && a[i+1:] == b[i+1:])
}

// keyboard sends key events.
type keyboard struct {
	ctx     context.Context
	session *devtools.Session
	sent
}

func (b *keyboard) send(e input.DispatchKeyEventParams) {
	b.sent = append(b.sent, devtools.Post(b.ctx, b.session, input.DispatchKeyEvent, e))
}

// press strikes the keys of a chord.
func (b *keyboard) press(c chord, down time.Duration) error {
	var bits int64
	for _, k := range c.held {
		bits |= modifier(k.Key)
		b.send(keyDown(k, bits))
	}
	own := c.bits | modifier(c.key.Key)
	b.send(keyDown(c.key, own))
	if down > 0 {
		if err := b.wait(); err != nil {
			return err
		}
	}
	held := pause(b.ctx, down) // the key goes up all the same
	b.send(keyUp(c.key, c.bits))
	for _, k := range slices.Backward(c.held) {
		bits &^= modifier(k.Key)
		b.send(keyUp(k, bits))
	}
	return cmp.Or(b.wait(), held)
}

func keyDown(k *kb.Key, bits int64) input.DispatchKeyEventParams {
	e := keyEvent(k, bits)
	e.Type = input.DispatchKeyEventTypeRawKeyDown
	if k.Text != "" && bits&^shift == 0 {
		e.Type = input.DispatchKeyEventTypeKeyDown
		e.Text, e.UnmodifiedText = k.Text, k.Unmodified
	}
	if bits == meta {
		e.Commands = editing(k)
	}
	return e
}

func keyUp(k *kb.Key, bits int64) input.DispatchKeyEventParams {
	e := keyEvent(k, bits)
	e.Type = input.DispatchKeyEventTypeKeyUp
	return e
}

func keyEvent(k *kb.Key, bits int64) input.DispatchKeyEventParams {
	e := input.DispatchKeyEventParams{Key: k.Key, Code: k.Code, WindowsVirtualKeyCode: k.Windows, Modifiers: bits}
	if k.Shift {
		e.Modifiers |= shift
	}
	// kb has the codes of the left keys; pages are told those of either.
	switch modifier(k.Key) {
	case alt:
		e.WindowsVirtualKeyCode, e.Location = 18, 1
	case control:
		e.WindowsVirtualKeyCode, e.Location = 17, 1
	case meta:
		e.Location = 1
	case shift:
		e.WindowsVirtualKeyCode, e.Location = 16, 1
	}
	return e
}

// editing is what Command and the key do in an editor of macOS, where the
// system and not Chromium knows that.
func editing(k *kb.Key) []string {
	switch strings.ToLower(k.Key) {
	case "a":
		return []string{"selectAll"}
	case "c":
		return []string{"copy"}
	case "v":
		return []string{"paste"}
	case "x":
		return []string{"cut"}
	case "z":
		return []string{"undo"}
	}
	return nil
}

// Press strikes a key, with modifiers before it as in Control+A, where the page
// has its focus. delay is how long it is down.
func Press(ctx context.Context, t *tab.Tab, key string, delay time.Duration) error {
	c, err := parseChord(key)
	if err != nil {
		return err
	}
	return act(ctx, t, func(ctx context.Context) error {
		b := keyboard{ctx: ctx, session: t.Session()}
		return b.press(c, delay)
	})
}

// typeSlowly strikes a key for each character that has one.
func (b *keyboard) typeSlowly(text string) error {
	for i, r := range text {
		if i > 0 {
			if err := pause(b.ctx, Slowly); err != nil {
				return err
			}
		}
		if err := b.strike(r); err != nil {
			return err
		}
	}
	return nil
}

func (b *keyboard) strike(r rune) error {
	if r == '\n' {
		r = '\r'
	}
	if k := kb.Keys[r]; k != nil {
		return b.press(chord{key: k}, 0)
	}
	return devtools.Do(b.ctx, b.session, input.InsertText, input.InsertTextParams{Text: string(r)})
}
