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

// victim makes this test binary the process that TestKill kills, and chatting
// the one of TestKillWhileChatting.
var (
	victim   = flag.String("agent.victim", "", "store folder of the process to be killed")
	chatting = flag.String("agent.chatting", "", "store folder of the process to be killed while it sends to itself")
)

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

// TestChattingVictim is the body of the process of TestKillWhileChatting: it
// sends to sessions of its own, and prints the id of each run that was accepted.
func TestChattingVictim(t *testing.T) {
	if *chatting == "" {
		return
	}
	r := newRigIn(t, *chatting)
	r.start(Limits{})
	for worker := range 3 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, i)
				_, err := call[msg.ChatSent](r, "chat.send", msg.ChatSend{SessionKey: fmt.Sprint("s", worker), Message: "/peers " + id, IdempotencyKey: id})
				if err == nil { // else too many wait
					fmt.Printf("sent %d %s\n", worker, id)
				}
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until killed
}

// A process that is killed while clients chat has lost no message that it
// accepted, and each run ends: answered, or told as interrupted.
func TestKillWhileChatting(t *testing.T) {
	r := newRig(t)
	const rounds = 3
	sent := map[string]string{} // run id → session
	for range rounds {
		r.killedWhileChatting(sent)
	}
	if len(sent) < 20*rounds {
		t.Fatalf("only %d messages were accepted", len(sent))
	}
	r.start(quick)
	interruptions := 0
	for id, key := range sent {
		switch d := r.wait(id); {
		case d.Status == "error" && d.Error == interrupted:
			interruptions++
		case d.Status != "ok" || d.Result.Payloads[0].Text != "main has seen no peer.":
			t.Errorf("%s: %+v", id, d)
		}
		if again := r.chat(key, "/peers "+id, id); again.Status != "ok" && again.Status != "error" {
			t.Errorf("%s again: %+v", id, again)
		}
	}
	if most := 3 * rounds; interruptions > most {
		t.Errorf("%d runs were interrupted, %d at most can have been under way", interruptions, most)
	}
	for worker := range 3 {
		said, answered := map[string]int{}, 0
		h := must[msg.ChatHistory](r, "chat.history", msg.ChatQuery{SessionKey: fmt.Sprint("s", worker), Limit: 1000})
		for _, m := range h.Messages {
			if m.Role == "user" {
				said[m.RunID]++
			} else {
				answered++
			}
		}
		for id, key := range sent {
			if key == fmt.Sprint("s", worker) && said[id] != 1 && !h.Truncated {
				t.Errorf("%s stands %d times in its session", id, said[id])
			}
		}
		if !h.Truncated && answered != len(said) {
			t.Errorf("session %d: %d messages, %d ends", worker, len(said), answered)
		}
	}
}

// killedWhileChatting lets a victim send to itself, kills it, and adds what it
// said was accepted to sent.
func (r *rig) killedWhileChatting(sent map[string]string) {
	r.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestChattingVictim$", "-agent.chatting="+r.dir)
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
	const enough = 40
	n := 0
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var worker int
		var id string
		if _, err := fmt.Sscanf(lines.Text()+"\n", "sent %d %s\n", &worker, &id); err != nil || strings.Count(id, "-") != 2 {
			continue // cut short by the kill, or another line
		}
		sent[id] = fmt.Sprint("s", worker)
		if n++; n == enough {
			_ = cmd.Process.Kill()
		}
	}
}
