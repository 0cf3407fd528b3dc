package postmortem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/process"

	"clawdbot/profile/service"
)

// Host is the state of the machine. Sizes are in bytes.
type Host struct {
	Kernel     string        `json:"kernel"`
	Up         time.Duration `json:"up"` // since the machine was started, in ns
	DiskFree   int64         `json:"diskFree"`
	DiskTotal  int64         `json:"diskTotal"`
	MemoryFree int64         `json:"memoryFree"` // that programs can have
	Memory     int64         `json:"memory"`
	Resident   int64         `json:"resident,omitempty"` // of the gateway, while it runs
	Folders    []Folder      `json:"folders"`            // what takes the room in its state folder
}

// Folder is one entry of the state folder, with all below it.
type Folder struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Versions are of what ran and of what looked.
type Versions struct {
	Gateway string `json:"gateway"` // that ran last
	Exe     string `json:"exe"`     // its program
	Here    string `json:"here"`    // of the program that made the report
	Go      string `json:"go"`
	System  string `json:"system"`
}

// host asks for disk, memory and kernel; what one of them does not tell stays zero.
func (c *collector) host(ctx context.Context) error {
	dir := c.cfg.Peer.StateDir
	var h Host
	space, diskErr := disk.UsageWithContext(ctx, dir)
	if diskErr == nil {
		h.DiskFree, h.DiskTotal = int64(space.Free), int64(space.Total)
	}
	memory, memErr := mem.VirtualMemoryWithContext(ctx)
	if memErr == nil {
		h.MemoryFree, h.Memory = int64(memory.Available), int64(memory.Total)
	}
	info, infoErr := host.InfoWithContext(ctx)
	if infoErr == nil {
		h.Kernel, h.Up = strings.Join([]string{info.Platform, info.PlatformVersion, info.KernelVersion}, " "), time.Duration(info.Uptime)*time.Second
	}
	if p, err := process.NewProcess(int32(c.cfg.Peer.Process.PID)); err == nil && c.report.Alive {
		if used, err := p.MemoryInfoWithContext(ctx); err == nil {
			h.Resident = int64(used.RSS)
		}
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		h.Folders = append(h.Folders, Folder{e.Name(), size(ctx, filepath.Join(dir, e.Name()))})
	}
	c.report.Host = &h
	return errors.Join(diskErr, memErr, infoErr, err)
}

// size is that of the files below path, as far as they can be read in time.
func size(ctx context.Context, path string) (sum int64) {
	_ = filepath.WalkDir(path, func(_ string, e os.DirEntry, err error) error {
		if ctx.Err() != nil {
			return filepath.SkipAll
		}
		if err != nil || e.IsDir() {
			return nil
		}
		if info, err := e.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// service asks the manager that started the gateway or, when it was started by
// hand, the one that has a unit for it.
func (c *collector) service(ctx context.Context) error {
	manager := c.cfg.Peer.Manager
	if manager == "" && c.cfg.Peer.Unit != "" {
		manager = string(service.Native(runtime.GOOS))
	}
	keeper, err := c.cfg.Own.Registry.Keeper(c.cfg.Peer)
	if err != nil {
		return err
	}
	h, err := service.Of(manager, keeper, c.cfg.Own.Env().Get)
	if err != nil {
		return err
	}
	status, err := h.Status(ctx, c.cfg.Peer.Profile)
	switch {
	case err != nil:
		return err
	case !status.Installed:
		return fmt.Errorf("%s does not know %s", status.Manager, status.Unit)
	}
	c.report.Service = &status
	return nil
}

// The journal is bounded in lines and bytes.
const (
	journalLines = 300
	journalBytes = 256 << 10
)

// journal is what systemd wrote of the unit.
func (c *collector) journal(ctx context.Context) error {
	if c.report.Service == nil || c.report.Service.Manager != service.Systemd {
		return errors.New("only systemd keeps one")
	}
	cmd := exec.CommandContext(ctx, "journalctl", "--user", "--unit", c.report.Service.Unit,
		"--lines", strconv.Itoa(journalLines), "--no-pager", "--quiet", "--output", "short-iso-precise")
	for _, key := range []string{"PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"} {
		cmd.Env = append(cmd.Env, key+"="+c.cfg.Own.Env().Get(key))
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	cmd.WaitDelay = time.Second
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(out, journalBytes))
	_, _ = io.Copy(io.Discard, out) // so that it can end
	for line := range strings.Lines(string(text)) {
		c.report.Journal = append(c.report.Journal, strings.TrimSuffix(line, "\n"))
	}
	if waitErr := cmd.Wait(); waitErr != nil {
		err = errors.Join(err, fmt.Errorf("journalctl: %w: %s", waitErr, strings.Join(strings.Fields(said.String()), " ")))
	}
	if err == nil && len(text) == 0 {
		return errors.New("it is empty")
	}
	return err
}
