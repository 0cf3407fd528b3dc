package agent

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// victim makes this test binary the process that TestKill kills.
var victim = flag.String("agent.victim", "", "store folder of the process to be killed")

// TestVictim is the body of that process; without the flag there is none.
func TestVictim(t *testing.T) {
	if *victim == "" {
		return
	}
	r := newRigIn(t, *victim)
	r.start(Limits{})
	fmt.Printf("port %d\n", r.bus.ClientPort())
	_, _ = io.Copy(io.Discard, os.Stdin) // until killed
}

// A process that is killed while messages come in has lost none of those that
// it accepted, and knows them when they come again.
func TestKill(t *testing.T) {
	r := newRig(t)
	accepted := map[string]uint64{}
	const rounds = 3
	for round := range rounds {
		r.killed(round, accepted)
	}

	r.start(quick)
	for id, seq := range accepted {
		got := r.mustSend("telegram", msg.In{ID: id, Text: "/help"})
		if got != (msg.Accepted{Seq: seq, Duplicate: true}) {
			t.Errorf("%s: got %+v, want the duplicate of %d", id, got, seq)
		}
	}
	last := r.mustSend("telegram", msg.In{ID: "last", Text: "/help"})
	telegram := r.connect("telegram")
	answered := map[uint64]bool{}
	for newest := uint64(0); newest < last.Seq; {
		out := r.receive(telegram)
		if out.InReply <= newest {
			t.Errorf("message %d was answered after %d", out.InReply, newest)
		}
		newest = out.InReply
		answered[newest] = true
	}
	for id, seq := range accepted {
		if !answered[seq] {
			t.Errorf("%s, accepted as %d, was lost", id, seq)
		}
	}
}

// killed sends messages to a victim, and kills it while they go on.
func (r *rig) killed(round int, accepted map[string]uint64) {
	r.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestVictim$", "-agent.victim="+r.dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		r.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		r.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // killed
	defer func() { _ = cmd.Process.Kill() }()
	nc := dialVictim(r.T, stdout)
	subj, err := r.bus.Subjects.In("telegram")
	if err != nil {
		r.Fatal(err)
	}
	const enough = 20
	for i := 0; ; i++ {
		id := fmt.Sprintf("%d-%d", round, i)
		var got msg.Accepted
		err := bus.Call(r.Context(), nc, subj, msg.In{ID: id, Text: "/help"}, &got)
		if err != nil {
			if i < enough {
				r.Fatalf("message %s: %v", id, err)
			}
			return
		}
		accepted[id] = got.Seq
		if i == enough {
			go func() { _ = cmd.Process.Kill() }()
		}
	}
}

func dialVictim(t *testing.T, stdout io.Reader) *nats.Conn {
	t.Helper()
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		port, ok := strings.CutPrefix(lines.Text(), "port ")
		if !ok {
			continue
		}
		if _, err := strconv.Atoi(port); err != nil {
			t.Fatal(err)
		}
		nc, err := nats.Connect("nats://127.0.0.1:"+port, nats.UserInfo(bus.UserIngress, bus.UserIngress),
			nats.CustomInboxPrefix(bus.InboxPrefix(bus.UserIngress)), nats.NoReconnect(), nats.Timeout(10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	t.Fatal(errors.Join(errors.New("the victim did not start"), lines.Err()))
	return nil
}
