package servicetest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// makeGroups makes one control group below this process's own in each hierarchy that systemd tracks processes with: the unified one, the
// old name=systemd one, or both (cgroups(7)). The groups bear one name, because systemd uses the unified one's path in both.
func makeGroups() ([]string, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("clawdbot-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	var groups []string
	for line := range strings.Lines(string(own)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		var mount string
		switch {
		case len(fields) != 3:
			continue
		case fields[1] == "name=systemd":
			mount = "/sys/fs/cgroup/systemd"
		case fields[1] == "" && exists("/sys/fs/cgroup/cgroup.controllers"):
			mount = "/sys/fs/cgroup"
		case fields[1] == "" && exists("/sys/fs/cgroup/unified"):
			mount = "/sys/fs/cgroup/unified"
		default:
			continue
		}
		group := filepath.Join(mount, fields[2], name)
		if err := os.Mkdir(group, 0o755); err != nil {
			return nil, errors.Join(err, removeAll(groups))
		}
		groups = append(groups, group)
	}
	if len(groups) == 0 {
		return nil, errors.New("no control group hierarchy of systemd is mounted")
	}
	return groups, nil
}

// removeGroups ends what is left in the groups, all of it started by the manager, and removes them.
func removeGroups(t testing.TB, groups []string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := removeAll(groups)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("control groups of the test stay behind: %v", err)
			return
		}
	}
}

func removeAll(groups []string) error {
	var errs []error
	for _, group := range groups {
		var dirs []string
		_ = filepath.WalkDir(group, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil // a group may vanish while we look
		})
		for _, dir := range slices.Backward(dirs) {
			pids, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for _, field := range strings.Fields(string(pids)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("%s: %w", dir, err))
			}
		}
	}
	return errors.Join(errs...)
}

// booted is the folder by which systemd's tools tell whether systemd runs at all (sd_booted(3)); they refuse to work without it.
const booted = "/run/systemd/system"

// ours marks a folder made here.
const ours = booted + "/.clawdbot-test"

// holdBooted makes the folder when it is missing. Test processes share it by a lock on its parent, and the last one removes it.
func holdBooted() (release func(), err error) {
	if exists(booted) && !exists(ours) {
		return func() {}, nil
	}
	if err := os.MkdirAll(filepath.Dir(booted), 0o755); err != nil {
		return nil, fmt.Errorf("systemd is not running, and only root can pretend it is: %w", err)
	}
	lock, err := os.Open(filepath.Dir(booted))
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := errors.Join(os.MkdirAll(booted, 0o755), os.WriteFile(ours, nil, 0o600)); err != nil {
		return nil, errors.Join(fmt.Errorf("systemd is not running, and only root can pretend it is: %w", err), lock.Close())
	}
	return func() {
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.Remove(ours)
			_ = os.Remove(booted)
		}
		_ = lock.Close()
	}, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
