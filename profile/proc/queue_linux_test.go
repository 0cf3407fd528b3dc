package proc

import (
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestStarved pins three busy loops to one processor, on which each waits for two
// thirds of its time, and compares them with a process that sleeps.
func TestStarved(t *testing.T) {
	var one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	for cpu, left := 0, one.Count(); left > 1; cpu++ {
		if one.IsSet(cpu) {
			one.Clear(cpu)
			left--
		}
	}
	start := func(args ...string) int {
		runtime.LockOSThread() // a child has the processors of the thread that makes it
		defer runtime.UnlockOSThread()
		var all unix.CPUSet
		if err := unix.SchedGetaffinity(0, &all); err != nil {
			t.Fatal(err)
		}
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.SchedSetaffinity(0, &all) }()
		cmd := exec.Command(args[0], args[1:]...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd.Process.Pid
	}
	sleeper := start("sleep", "60")
	loop := start("sh", "-c", "while :; do :; done")
	for range 2 {
		start("sh", "-c", "while :; do :; done")
	}
	var busy, idle Queue
	if busy.Starved(loop, time.Now()) {
		t.Error("starved at the first look")
	}
	for deadline := time.Now().Add(20 * time.Second); !busy.Starved(loop, time.Now()); time.Sleep(50 * time.Millisecond) {
		if idle.Starved(sleeper, time.Now()) {
			t.Fatal("a process that sleeps waits for nothing")
		}
		if time.Now().After(deadline) {
			t.Fatal("one of three loops on one processor is not starved")
		}
	}
	if _, err := Waited(1 << 30); err == nil {
		t.Error("a process that is not there waits")
	}
}

func TestQueueLooksAtTheLastSpans(t *testing.T) {
	began := time.Unix(1_800_000_000, 0)
	var q Queue
	for i, step := range []struct {
		at, waited time.Duration
		want       bool
	}{
		{0, 10 * time.Second, false},
		{300 * time.Millisecond, 10*time.Second + 290*time.Millisecond, false}, // not for long enough
		{600 * time.Millisecond, 10*time.Second + 500*time.Millisecond, true},
		{1200 * time.Millisecond, 10*time.Second + 510*time.Millisecond, false},
		{1800 * time.Millisecond, 10*time.Second + 520*time.Millisecond, false},
	} {
		if got := q.note(mark{began.Add(step.at), step.waited}); got != step.want {
			t.Errorf("step %d: %t", i, got)
		}
	}
}
