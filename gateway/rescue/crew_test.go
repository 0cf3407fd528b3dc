//go:build unix

package rescue

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/service"
)

// crew is a stage whose main is a real process that can be killed and frozen,
// and that beats while it lives. It is also rescue's hands, and main's service
// manager: by itself it starts nothing again unless it is told to.
type crew struct {
	*stage
	incidents chan msg.Incident

	mu       sync.Mutex
	manager  service.Status
	evidence Evidence
	did      []string // what the hands were told to do
	failing  map[string]error
	cmd      *exec.Cmd
	lives    int
	beating  bool
	silent   bool          // its next lives do not beat
	linger   time.Duration // how long Start takes beyond the start
	source   string
	marked   uint64 // the beat when the source was set last

	followed    profile.Directive // by the last start that the hands made
	followedErr error
}

func newCrew(t *testing.T) *crew {
	c := &crew{
		stage: newStage(t), incidents: make(chan msg.Incident, 1024), failing: map[string]error{}, source: "file",
		manager: service.Status{Manager: service.Systemd, Unit: "clawdbot-gateway-main.service", Installed: true, State: "failed", Result: "signal"},
	}
	c.evidence = Evidence{
		Exit:   &msg.Exit{Manager: "systemd", Status: -1, Signal: "SIGKILL"},
		Config: &msg.ConfigState{Generation: 7, Source: "file", LastGood: 7}, FileHash: "hash",
	}
	c.hands = c
	c.settings.Store(&config.Rescue{Policy: config.PolicyRepair})
	c.peer.Manager, c.peer.StateDir = string(service.Systemd), t.TempDir()
	c.status.Store(503) // until it lives
	t.Cleanup(func() { c.kill() })
	c.beats()
	return c
}

// watch runs the component and listens.
func (c *crew) watch() (stop func()) {
	c.t.Helper()
	c.observer = c.stage.rescue.Conn(c.t)
	c.listen()
	return c.run()
}

func (c *crew) listen() {
	c.t.Helper()
	subj, err := c.stage.rescue.Subjects.Event("incident")
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = c.observer.Subscribe(subj, func(m *nats.Msg) {
		var i msg.Incident
		if json.Unmarshal(m.Data, &i) == nil {
			c.incidents <- i
		}
	})
	if err == nil {
		err = c.observer.Flush()
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// live starts a life of main: it registers, and beats from then on.
func (c *crew) live() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe)
	cmd.Env = []string{asPeer + "=1"}
	if _, err := cmd.StdinPipe(); err != nil { // it ends with the test
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	info, err := proc.Find(cmd.Process.Pid)
	if err != nil {
		return err
	}
	c.lives++
	c.cmd, c.beating, c.began = cmd, !c.silent, time.Now()
	c.peer.Process, c.peer.StartedAt, c.peer.StoppedAt, c.peer.Boot = info.Identity, time.Now(), time.Time{}, "boot-"+strconv.Itoa(c.lives)
	c.beat = msg.Beat{Profile: "main", Boot: c.peer.Boot, PID: info.PID, Phase: msg.PhaseReady, Generation: 7}
	c.status.Store(200)
	return c.enter(c.peer)
}

// enter writes main's entry, from any goroutine.
func (c *crew) enter(i profile.Instance) error {
	_, err := c.registry.Update(func([]profile.Instance) (profile.Instance, error) { return i, nil })
	return err
}

func (c *crew) mustLive() {
	c.t.Helper()
	if err := c.live(); err != nil {
		c.t.Fatal(err)
	}
}

// beats has main beat while it lives, until the test ends.
func (c *crew) beats() {
	nc := c.main.Conn(c.t)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			c.mu.Lock()
			if c.beating {
				c.beat.Seq++
				c.beat.MonoMs, c.beat.Source = time.Since(c.began).Milliseconds(), c.source
				b := c.beat
				if body, err := json.Marshal(b); err == nil {
					_ = nc.Publish(c.main.Subjects.Beat(), body)
				}
			}
			c.mu.Unlock()
		}
	}()
	c.t.Cleanup(func() { close(done); <-ended })
}

func (c *crew) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marked = c.beat.Seq
	change()
}

// kill ends main's process as a crash does.
func (c *crew) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beating = false
	c.status.Store(503)
	if c.cmd != nil {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		c.cmd = nil
	}
}

// freeze stops it as a debugger does.
func (c *crew) freeze() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beating = false
	c.status.Store(503)
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
}

func (c *crew) told(what string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.did = append(c.did, what)
	return c.failing[what]
}

func (c *crew) deeds() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.did, " ")
}

func (c *crew) Status(context.Context, profile.Instance) (service.Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.manager, c.failing["status"]
}

func (c *crew) Start(ctx context.Context, _ profile.Instance) error {
	if err := c.told("start"); err != nil {
		return err
	}
	followed, dirErr := c.directive() // as main's start does
	c.set(func() { c.followed, c.followedErr = followed, dirErr })
	err := c.live()
	select {
	case <-time.After(c.linger):
	case <-ctx.Done():
	}
	return err
}

func (c *crew) Restart(context.Context, profile.Instance) error {
	if err := c.told("restart"); err != nil {
		return err
	}
	c.kill()
	return c.live()
}

func (c *crew) Abort(_ context.Context, peer profile.Instance) (string, error) {
	if err := c.told("abort"); err != nil {
		return "", err
	}
	return filepath.Join(peer.StateDir, "crash", "stacks.txt"), c.end(peer)
}

func (c *crew) Kill(_ context.Context, peer profile.Instance) error {
	if err := c.told("kill"); err != nil {
		return err
	}
	return c.end(peer)
}

func (c *crew) end(peer profile.Instance) error {
	if _, err := proc.Same(peer.Process); err != nil {
		return err
	}
	c.kill()
	return nil
}

// HasGeneration: main has had nine.
func (c *crew) HasGeneration(_ profile.Instance, n uint64) error {
	if n > 9 {
		return config.ErrNoGeneration
	}
	return nil
}

func (c *crew) Evidence(context.Context, profile.Instance, time.Time) Evidence {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evidence
}

// await returns the first record that is right.
func (c *crew) await(what string, right func(msg.Incident) bool) msg.Incident {
	c.t.Helper()
	deadline := time.After(patience)
	var last msg.Incident
	for {
		select {
		case last = <-c.incidents:
			if right(last) {
				return last
			}
		case <-deadline:
			body, _ := json.MarshalIndent(last, "", " ")
			c.t.Fatalf("not in time: %s; the last record is %s", what, body)
		}
	}
}

func (c *crew) resolved() msg.Incident {
	c.t.Helper()
	return c.await("resolved", func(i msg.Incident) bool { return i.State == msg.IncidentResolved })
}

// verdict waits for what peers.list says of main.
func (c *crew) verdict(want msg.Verdict) {
	c.t.Helper()
	c.until("main is "+string(want), func(l []msg.Peer) bool {
		return slices.ContainsFunc(l, func(p msg.Peer) bool { return p.Profile == "main" && p.Verdict == want })
	})
}

// next waits until rescue.status tells this of what it does next about main.
func (c *crew) next(words string) msg.PeerStatus {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		var st msg.RescueStatus
		c.ask("rescue.status", nil, &st)
		if len(st.Peers) == 1 && strings.Contains(st.Peers[0].NextAction, words) {
			return st.Peers[0]
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			c.t.Fatalf("rescue.status does not say %q: %+v", words, st.Peers)
		}
	}
}
