package browser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"clawdbot/profile/ports"
	"clawdbot/profile/proc"
)

// launchTimeout is how long a Chromium may take until CDP answers.
const launchTimeout = 20 * time.Second

// launcher starts Chromiums.
type launcher struct {
	host       Host
	goos       string
	configured string // browser.executablePath
	headless   bool
	noSandbox  bool
	chosen     struct{ headless, noSandbox bool } // by us, not by the configuration
	ports      ports.Range
	reserved   []int // ports that the configuration gives to one browser profile
	others     func() []ports.Ports
	running    *sync.WaitGroup
	log        *slog.Logger
}

func newLauncher(cfg Config, running *sync.WaitGroup) *launcher {
	set := cfg.Settings
	l := &launcher{
		host: cfg.Host, goos: runtime.GOOS, configured: set.ExecutablePath,
		headless: !cfg.Host.Display, noSandbox: cfg.Host.Root,
		ports: cfg.CDP, others: cfg.Others, running: running, log: cfg.Log,
	}
	l.chosen.headless, l.chosen.noSandbox = set.Headless == nil, set.NoSandbox == nil
	if set.Headless != nil {
		l.headless = *set.Headless
	}
	if set.NoSandbox != nil {
		l.noSandbox = *set.NoSandbox
	}
	for _, p := range set.Profiles {
		if p.CDPPort != 0 {
			l.reserved = append(l.reserved, p.CDPPort)
		}
	}
	return l
}

// notes says which flags were chosen for the host, and why.
func (l *launcher) notes() []string {
	notes := []string{}
	if l.chosen.headless && l.headless {
		notes = append(notes, "headless: there is no display; browser.headless decides otherwise")
	}
	if l.chosen.noSandbox && l.noSandbox {
		notes = append(notes, "no sandbox: Chromium refuses it for root; run as another user, or browser.noSandbox decides otherwise")
	}
	return notes
}

// errPortTaken says that someone else took the port before Chromium.
var errPortTaken = errors.New("the port was taken by another program meanwhile: try again")

// start starts a Chromium on the folder and links to it. Port 0 means the
// first free one of the range that no other gateway of the host owns.
func (l *launcher) start(ctx context.Context, folder string, port int) (*link, error) {
	exe, err := l.find()
	if err != nil {
		return nil, err
	}
	if err := claim(folder); err != nil {
		return nil, err
	}
	for _, note := range l.notes() {
		l.log.Info(note)
	}
	if port != 0 {
		if !isFree(port) {
			return nil, fmt.Errorf("CDP port %d is taken by %s: end it or change cdpPort", port, holder(port))
		}
		return l.launch(ctx, exe, folder, port)
	}
	var others []ports.Ports
	if l.others != nil {
		others = l.others()
	}
	for port := l.ports.From; port <= l.ports.To; port++ {
		owned := slices.ContainsFunc(others, func(o ports.Ports) bool { return o.Component(port) != "" })
		if owned || slices.Contains(l.reserved, port) || !isFree(port) {
			continue
		}
		link, err := l.launch(ctx, exe, folder, port)
		if !errors.Is(err, errPortTaken) {
			return link, err
		}
	}
	return nil, fmt.Errorf("no CDP port from %d to %d is free and nobody else's", l.ports.From, l.ports.To)
}

func isFree(port int) bool {
	probe, err := net.Listen("tcp", loopback(port))
	return err == nil && probe.Close() == nil
}

// holder names the program that listens on the port, as far as the system
// tells.
func holder(port int) string {
	h, found, err := proc.Listener(port)
	switch {
	case err != nil || !found || h.PID == 0:
		return "another program"
	case h.Name == "":
		return fmt.Sprintf("process %d", h.PID)
	}
	return fmt.Sprintf("process %d (%s)", h.PID, h.Name)
}

// launch starts the program and returns when CDP answers.
func (l *launcher) launch(ctx context.Context, exe executable, folder string, port int) (*link, error) {
	out := &output{address: make(chan string, 1)}
	cmd := exec.Command(exe.path, l.flags(folder, port)...)
	cmd.Env, cmd.Dir, cmd.Stderr = l.host.Env, folder, out
	// Crash dumps would go to a folder that all Chromiums of a user share. To
	// switch them off with --disable-crashpad-for-testing keeps pages from loading.
	cmd.Env = append(cmd.Environ(), "BREAKPAD_DUMP_LOCATION="+filepath.Join(folder, "Crash Reports"))
	cmd.WaitDelay = 300 * time.Millisecond // for children that keep the pipe open
	p, err := startProcess(cmd, l.running)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", exe.path, err)
	}
	link, err := l.connect(ctx, p, out, port)
	if err != nil {
		p.end(0)
		sweep(folder)
		return nil, err
	}
	link.proc, link.kind, link.folder = p, exe.kind, folder
	return link, nil
}

// connect waits for the CDP address of a Chromium that was just started.
func (l *launcher) connect(ctx context.Context, p *process, out *output, port int) (*link, error) {
	wait, cancel := context.WithTimeout(ctx, launchTimeout)
	defer cancel()
	select {
	case <-wait.Done():
		if ctx.Err() != nil {
			return nil, errStopping
		}
		return nil, fmt.Errorf("chromium (process %d) told no CDP address within %s: %s", p.pid, launchTimeout, out.last())
	case <-p.exited:
		return nil, exitError(p, out)
	case address := <-out.address:
		ws, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("CDP address %q: %w", address, err)
		}
		// With its port taken Chromium does not fail: it listens on [::1]
		// alone and leaves 127.0.0.1 to the other program.
		if ws.Host != loopback(port) {
			return nil, fmt.Errorf("CDP port %d: %w", port, errPortTaken)
		}
		return dial(wait, ws, &url.URL{Scheme: "http", Host: ws.Host}, l.log)
	}
}

// profileInUse is Chromium's exit code (RESULT_CODE_PROFILE_IN_USE) when
// another one has the user data folder.
const profileInUse = 21

func exitError(p *process, out *output) error {
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.ExitCode() == profileInUse {
		return errors.New("another Chromium uses the same user data folder: end it")
	}
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("chromium ended at once (%s): %s", how, out.last())
}

// flags are Chromium's arguments. They keep it to its own folder, off the
// network until told to go there, and without questions to people.
func (l *launcher) flags(folder string, port int) []string {
	f := []string{
		"--remote-debugging-address=127.0.0.1",
		"--remote-debugging-port=" + strconv.Itoa(port),
		"--user-data-dir=" + folder,
		"--no-first-run", "--no-default-browser-check", "--password-store=basic",
		"--hide-crash-restore-bubble", "--disable-session-crashed-bubble",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-features=Translate,MediaRouter",
	}
	if l.headless {
		f = append(f, "--headless=new", "--disable-gpu")
	}
	if l.noSandbox {
		f = append(f, "--no-sandbox")
	}
	if l.goos == "linux" {
		f = append(f, "--disable-dev-shm-usage") // small in containers
	}
	return append(f, "about:blank")
}
