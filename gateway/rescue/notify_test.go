//go:build unix

package rescue

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
)

// TestCommandIsToldOfEachIncident: with the record on its standard input, when it
// is known what happened, and when it is over.
func TestCommandIsToldOfEachIncident(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	dir := t.TempDir()
	c.settings.Store(&config.Rescue{Policy: config.PolicyRepair, Notify: config.Notify{
		Command: []string{"/bin/sh", "-c", `f=$(mktemp "$1/part.XXXXXX") && cat > "$f" && env > "$f.env" && mv "$f" "$1/$(ls "$1" | grep -c done).done"`, "sh", dir},
	}})
	c.mustLive()
	c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	c.resolved()
	for n, state := range []msg.IncidentState{msg.IncidentOpen, msg.IncidentResolved} {
		path := filepath.Join(dir, string(rune('0'+n))+".done")
		c.until(path+" is there", func([]msg.Peer) bool { _, err := os.Stat(path); return err == nil })
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var i msg.Incident
		if err := json.Unmarshal(body, &i); err != nil || i.State != state || i.Exit == nil || i.Peer != "main" {
			t.Errorf("%s: %v, %+v", path, err, i)
		}
	}
	envs, err := filepath.Glob(filepath.Join(dir, "*.env"))
	if err != nil || len(envs) == 0 {
		t.Fatal(envs, err)
	}
	body, err := os.ReadFile(envs[0])
	if err != nil || strings.Contains(string(body), "HOME=") || strings.Contains(string(body), "GOCACHE=") {
		t.Errorf("its environment is %s, %v", body, err)
	}
}

// TestCommandThatTakesTooLongEndsWithItsChildren: and none of them is in the
// gateway's own process group.
func TestCommandThatTakesTooLongEndsWithItsChildren(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pids")
	n := config.Notify{Command: []string{"/bin/sh", "-c", `sleep 300 & echo $! $$ > "$1"; wait`, "sh", file}, TimeoutMs: 500}
	if err := execute(t.Context(), n, []string{"PATH=/bin:/usr/bin"}, nil); err == nil || !strings.Contains(err.Error(), "took longer") {
		t.Fatalf("got %v", err)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(string(body)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			if _, err := proc.Find(pid); errors.Is(err, proc.ErrGone) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("process %d goes on", pid)
			}
		}
	}
}

func TestCommandThatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		argv []string
		want string
	}{
		"is not there":    {[]string{"/nonexistent/pager"}, "/nonexistent/pager: "},
		"fails":           {[]string{"/bin/sh", "-c", "echo no route; exit 3"}, "/bin/sh: exit status 3: no route"},
		"takes too long":  {[]string{"/bin/sleep", "60"}, "/bin/sleep took longer than 100ms"},
		"leaves a child":  {[]string{"/bin/sh", "-c", "sleep 60 & sleep 60"}, "/bin/sh took longer than 100ms"},
		"talks too much":  {[]string{"/bin/sh", "-c", "yes | head -c 1000000; exit 1"}, "/bin/sh: exit status 1: y\ny"},
		"does not listen": {[]string{"/bin/sh", "-c", "exec <&-; exit 1"}, "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			n := config.Notify{Command: c.argv, TimeoutMs: 100}
			if strings.HasPrefix(name, "talks") || name == "fails" || name == "does not listen" {
				n.TimeoutMs = 5000
			}
			began := time.Now()
			err := execute(context.Background(), n, []string{"PATH=/usr/bin:/bin"}, make([]byte, 1<<20))
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 2*commandOutput {
				t.Errorf("%.200v, want %q", err, c.want)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	t.Run("is told in the record", func(t *testing.T) {
		c := newCrew(t)
		c.settings.Store(&config.Rescue{Policy: config.PolicyRepair, Notify: config.Notify{Command: []string{"/nonexistent/pager"}}})
		c.mustLive()
		c.watch()
		c.verdict(msg.VerdictOK)
		c.kill()
		c.await("the record tells it", func(i msg.Incident) bool {
			for _, m := range i.Timeline {
				if strings.HasPrefix(m.What, "the operator was not told: /nonexistent/pager: ") {
					return true
				}
			}
			return false
		})
	})
}

// TestNoticesWaitForTheirChannel: nobody serves it at first, and the observer is
// restarted; then each message comes once, in order.
func TestNoticesWaitForTheirChannel(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.settings.Store(&config.Rescue{Policy: config.PolicyRepair, Notify: config.Notify{Channels: []config.NotifyTarget{{Channel: "telegram", To: "42"}}}})
	c.mustLive()
	stop := c.watch()
	c.verdict(msg.VerdictOK)
	c.kill()
	i := c.resolved()
	kept := newBook(c.store, nil)
	notices := func() int {
		bodies, err := kept.bodies(kindNotice)
		if err != nil {
			t.Fatal(err)
		}
		return len(bodies)
	}
	c.until("both are kept", func([]msg.Peer) bool { return notices() == 2 })
	stop()
	outs := make(chan msg.Out, 16)
	subj, err := c.stage.rescue.Subjects.Out("telegram")
	if err != nil {
		t.Fatal(err)
	}
	refusals := 1
	if _, err := c.observer.Subscribe(subj, func(m *nats.Msg) {
		if refusals--; refusals >= 0 {
			return // and no answer, as of a connector that hangs
		}
		var out msg.Out
		if json.Unmarshal(m.Data, &out) == nil {
			outs <- out
		}
		_ = m.Respond([]byte("{}"))
	}); err != nil {
		t.Fatal(err)
	}
	if err := c.observer.Flush(); err != nil {
		t.Fatal(err)
	}
	c.run()
	texts := map[string]msg.Out{}
	deadline := time.After(patience)
	for len(texts) < 2 {
		select {
		case out := <-outs:
			if _, again := texts[out.Text]; again || out.To != "42" || out.Seq < 1<<32 {
				t.Errorf("%+v", out)
			}
			texts[out.Text] = out
		case <-deadline:
			t.Fatalf("not told: %v", texts)
		}
	}
	said := 0
	for text := range texts {
		if strings.Contains(text, i.ID) && (strings.HasPrefix(text, "main ended") || strings.HasPrefix(text, "main serves again")) {
			said++
		}
	}
	if said != 2 {
		t.Errorf("%v", texts)
	}
	c.until("none is kept", func([]msg.Peer) bool { return notices() == 0 })
}
