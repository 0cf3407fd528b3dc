package action_test

import (
	"net/http"
	"testing"
	"time"

	"clawdbot/browser/action"
	"clawdbot/browser/browsertest"
)

const keyed = `<input id=i value=text autofocus><script>
	const seen = [];
	const mods = (e) => ['Alt', 'Control', 'Meta', 'Shift'].filter((m) => e.getModifierState(m)).map((m) => m + '+').join('');
	addEventListener('keydown', (e) => seen.push(mods(e) + e.key + ' ' + e.code + ' ' + e.keyCode));
	document.getElementById('i').focus();
</script>`

func TestPress(t *testing.T) {
	for _, c := range []struct{ key, want string }{
		{"Enter", "Enter Enter 13"},
		{"return", "Enter Enter 13"},
		{"Esc", "Escape Escape 27"},
		{"ArrowLeft", "ArrowLeft ArrowLeft 37"},
		{"F5", "F5 F5 116"},
		{"a", "a KeyA 65"},
		{"A", "Shift+A KeyA 65"},
		{"KeyA", "a KeyA 65"},
		{"Digit7", "7 Digit7 55"},
		{"Space", "  Space 32"},
		{"+", "Shift++ Equal 187"},
		{"Control++", "Control+Control ControlLeft 17,Control+Shift++ Equal 187"},
		{"Shift+1", "Shift+Shift ShiftLeft 16,Shift+! Digit1 49"},
		{"Control+A", "Control+Control ControlLeft 17,Control+Shift+A KeyA 65"},
		{"Control+a", "Control+Control ControlLeft 17,Control+a KeyA 65"},
		{"Control+Alt+Delete", "Control+Control ControlLeft 17,Alt+Control+Alt AltLeft 18,Alt+Control+Delete Delete 46"},
		{"Shift", "Shift+Shift ShiftLeft 16"},
		{"ž", "ž  0"},
	} {
		t.Run(c.key, func(t *testing.T) {
			page := browsertest.Page(t, keyed)
			if err := action.Press(within(t, 20*time.Second), page, c.key, 0); err != nil {
				t.Fatal(err)
			}
			if got := value(t, page.Main(), "seen.join()"); got != `"`+c.want+`"` {
				t.Errorf("%s, not %q", got, c.want)
			}
		})
	}
}

func TestPressEdits(t *testing.T) {
	page := browsertest.Page(t, keyed)
	for _, key := range []string{"Control+a", "b", "Shift+c", "ArrowLeft", "ž", "End", "Backspace", "d"} {
		if err := action.Press(within(t, 20*time.Second), page, key, 0); err != nil {
			t.Fatal(err)
		}
	}
	if got := value(t, page.Main(), `document.getElementById('i').value`); got != `"bžd"` {
		t.Errorf("%s", got)
	}
}

func TestPressHolds(t *testing.T) {
	page := browsertest.Page(t, `<script>let down, held; addEventListener('keydown', () => { down = performance.now() }); addEventListener('keyup', () => { held = performance.now() - down })</script>`)
	if err := action.Press(within(t, 20*time.Second), page, "x", 120*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got := value(t, page.Main(), "held >= 100"); got != "true" {
		t.Errorf("held for %s ms", value(t, page.Main(), "held"))
	}
}

func TestPressUnknown(t *testing.T) {
	page := browsertest.Page(t, keyed)
	for key, near := range map[string]string{
		"Entre": "Enter", "PgDown": "PageDown", "arrow": "ArrowDown", "Hyperspace": "Space", "Control+Entr": "Enter", "qqq": "Control+A", "": "Enter",
	} {
		refused(t, action.Press(t.Context(), page, key, 0), http.StatusBadRequest, "unknown key", near)
	}
}
