// Package relaytest has a real Chromium with the extension loaded, for tests of the
// relay and of what drives it.
package relaytest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait for a condition.
const patience = 20 * time.Second

// Chrome is a Chromium that has the extension loaded. The test speaks CDP with it
// over a pipe, as only there extensions can be loaded and their button clicked. Its
// methods end the test when something fails; they are for one goroutine.
type Chrome struct {
	t         testing.TB
	cmd       *exec.Cmd
	commands  *os.File
	answers   *bufio.Reader
	last      int
	extension string
}

// target is CDP's Target.TargetInfo.
type target struct {
	TargetID string
	URL      string
}

// StartChrome starts a Chromium that shows one page, and loads the extension from
// the folder. It ends with the test.
func StartChrome(t testing.TB, folder, page string) *Chrome {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v (on Debian: apt-get install chromium)", err)
	}
	theirsIn, commands, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, theirsOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.MkdirTemp("", "relaytest")
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{
		"--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--user-data-dir=" + data, "--remote-debugging-pipe", "--enable-unsafe-extension-debugging",
	}
	if os.Geteuid() == 0 {
		flags = append(flags, "--no-sandbox")
	}
	c := &Chrome{t: t, cmd: exec.Command(path, append(flags, page)...), commands: commands, answers: bufio.NewReader(answers)}
	c.cmd.ExtraFiles = []*os.File{theirsIn, theirsOut} // 3 and 4
	c.cmd.Env = append(os.Environ(), "TMPDIR="+data)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = theirsIn.Close(), theirsOut.Close()
	t.Cleanup(func() {
		c.Kill()
		_, _ = commands.Close(), answers.Close()
		for end := time.Now().Add(patience); os.RemoveAll(data) != nil; time.Sleep(10 * time.Millisecond) { // its children end after it
			if time.Now().After(end) {
				t.Errorf("Chromium goes on writing in %s", data)
				return
			}
		}
	})
	var loaded struct{ ID string }
	c.call("Extensions.loadUnpacked", map[string]any{"path": folder}, &loaded)
	c.extension = loaded.ID
	for end := time.Now().Add(patience); c.worker("!!globalThis.chrome?.action?.onClicked.hasListeners()") != "true"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the extension does not run")
		}
	}
	return c
}

// Kill ends the Chromium at once.
func (c *Chrome) Kill() {
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	}
}

// call runs a command of the browser.
func (c *Chrome) call(method string, params, out any) {
	c.t.Helper()
	c.in("", method, params, out)
}

// in runs a command in a session. Events are passed over.
func (c *Chrome) in(session, method string, params, out any) {
	c.t.Helper()
	c.last++
	body, err := json.Marshal(map[string]any{"id": c.last, "sessionId": session, "method": method, "params": params})
	if session == "" {
		body, err = json.Marshal(map[string]any{"id": c.last, "method": method, "params": params})
	}
	if err == nil {
		_, err = c.commands.Write(append(body, 0))
	}
	if err != nil {
		c.t.Fatal(err)
	}
	for {
		line, err := c.answers.ReadBytes(0)
		if err != nil {
			c.t.Fatalf("%s: %v", method, err)
		}
		var a struct {
			ID     int
			Result json.RawMessage
			Error  json.RawMessage
		}
		if err := json.Unmarshal(line[:len(line)-1], &a); err != nil {
			c.t.Fatal(err)
		}
		if a.ID != c.last {
			continue
		}
		if a.Error != nil {
			c.t.Fatalf("%s: %s", method, a.Error)
		}
		if out != nil {
			if err := json.Unmarshal(a.Result, out); err != nil {
				c.t.Fatal(err)
			}
		}
		return
	}
}

// ID is the extension's, as Chromium has it.
func (c *Chrome) ID() string { return c.extension }

// Remove takes the extension out of the browser.
func (c *Chrome) Remove() {
	c.t.Helper()
	c.call("Extensions.uninstall", map[string]any{"id": c.extension}, nil)
}

// targets lists what the browser has of a type.
func (c *Chrome) targets(kind string) []target {
	c.t.Helper()
	var got struct{ TargetInfos []target }
	c.call("Target.getTargets", map[string]any{"filter": []map[string]any{{"type": kind}}}, &got)
	return got.TargetInfos
}

// Click clicks the extension's button on the tab that shows the page.
func (c *Chrome) Click(page string) {
	c.t.Helper()
	for _, tab := range c.targets("tab") {
		if tab.URL == page {
			c.call("Extensions.triggerAction", map[string]any{"id": c.extension, "targetId": tab.TargetID}, nil)
			return
		}
	}
	c.t.Fatalf("no tab shows %s: %+v", page, c.targets("tab"))
}

// worker evaluates an expression, or a promise of one, in the extension. It is ""
// while that does not run.
func (c *Chrome) worker(expression string) string {
	c.t.Helper()
	workers := c.targets("service_worker")
	i := slices.IndexFunc(workers, func(w target) bool { return strings.HasPrefix(w.URL, "chrome-extension://"+c.extension) })
	if i < 0 {
		return "" // not yet
	}
	var attached struct{ SessionID string }
	c.call("Target.attachToTarget", map[string]any{"targetId": workers[i].TargetID, "flatten": true}, &attached)
	defer c.call("Target.detachFromTarget", map[string]any{"sessionId": attached.SessionID}, nil)
	var got struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	c.in(attached.SessionID, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &got)
	if got.ExceptionDetails != nil {
		c.t.Fatalf("%s: %s", expression, got.ExceptionDetails)
	}
	return fmt.Sprint(got.Result.Value)
}

// Button is what the toolbar shows on the page's tab: the badge and the words.
func (c *Chrome) Button(page string) string {
	c.t.Helper()
	return c.worker(fmt.Sprintf(`(async () => {
		const all = await chrome.debugger.getTargets();
		const { tabId } = all.find((t) => t.type === 'page' && t.url === %q);
		return await chrome.action.getBadgeText({ tabId }) + '|' + await chrome.action.getTitle({ tabId });
	})()`, page))
}

// Shows waits until the button has the badge, and returns the words beside it.
func (c *Chrome) Shows(page, badge string) string {
	c.t.Helper()
	var got string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		got = c.Button(page)
		if words, ok := strings.CutPrefix(got, badge+"|"); ok {
			return words
		}
	}
	c.t.Fatalf("the button of %s shows %q, never %q", page, got, badge)
	return ""
}
