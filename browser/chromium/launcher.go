package chromium

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"clawdbot/profile/ports"
)

// launchTimeout is how long a Chromium may take until it tells its CDP address.
const launchTimeout = 20 * time.Second

// Config configures a Launcher. Host, Ports and Log are required to start a
// Chromium, Host alone to find one.
type Config struct {
	Host       Host
	Executable string // name or path of the program; "" looks for one
	Headless   *bool  // nil means where there is no display
	NoSandbox  *bool  // nil means where we run as root
	Ports      ports.Range
	Reserved   func() []int         // ports of the range that are given to somebody; nil means none
	Others     func() []ports.Ports // what other gateways of the host own, running or not; nil means nothing
	Ledger     *Ledger              // nil keeps none
	Log        *slog.Logger
}

// Place is where a Chromium runs.
type Place struct {
	Profile string // browser profile
	Folder  string // of its user data, made when needed
	Port    int    // for debugging; 0 means the first free one of the range that nobody else owns
}

// Host is what a Launcher must know of its surroundings.
type Host struct {
	OS      string   // as runtime.GOOS; "" means our own
	Display bool     // a window can be shown: DISPLAY or WAYLAND_DISPLAY is set, always so on macOS and Windows
	Root    bool     // we run as root, where Chromium refuses its sandbox
	Path    string   // value of PATH, to look for Chromium
	Home    string   // home folder, to look for Chromium
	Env     []string // environment of Chromium, without our secrets; nil means our own
}

// Launcher starts Chromiums. Its methods are safe for use by many goroutines.
type Launcher struct {
	cfg     Config
	chosen  func() string  // kind of the person's own choice of browser, "" when it is none that we know
	running sync.WaitGroup // waiters of processes

	mu   sync.Mutex
	held map[int]bool // ports of our Chromiums, from before they start
}

// New returns a Launcher.
func New(cfg Config) *Launcher {
	l := &Launcher{cfg: cfg, chosen: func() string { return "" }, held: map[int]bool{}}
	if cfg.Host.OS == "" {
		l.cfg.Host.OS = runtime.GOOS
	}
	if cfg.Host.OS == "" && cfg.Host.Home != "" {
		l.chosen = sync.OnceValue(func() string { return chosenKind(cfg.Host.Home) })
	}
	return l
}

// Wait returns when every process that was started has ended.
func (l *Launcher) Wait() { l.running.Wait() }

// Headless says whether a Chromium shows no window.
func (l *Launcher) Headless() bool {
	if l.cfg.Headless != nil {
		return *l.cfg.Headless
	}
	return !l.cfg.Host.Display
}

// NoSandbox says whether a Chromium runs without its sandbox.
func (l *Launcher) NoSandbox() bool {
	if l.cfg.NoSandbox != nil {
		return *l.cfg.NoSandbox
	}
	return l.cfg.Host.Root
}

// Notes says which flags were chosen for the host, and why.
func (l *Launcher) Notes() []string {
	notes := []string{}
	if l.cfg.Headless == nil && l.Headless() {
		notes = append(notes, "headless: there is no display; browser.headless decides otherwise")
	}
	if l.cfg.NoSandbox == nil && l.NoSandbox() {
		notes = append(notes, "no sandbox: Chromium refuses it for root; run as another user, or browser.noSandbox decides otherwise")
	}
	return notes
}

// Start starts a Chromium and returns when it has told its CDP address. It
// lives on when ctx ends later.
func (l *Launcher) Start(ctx context.Context, at Place) (*Process, error) {
	exe, err := l.Find()
	if err != nil {
		return nil, err
	}
	if err := l.claim(at.Folder); err != nil {
		return nil, err
	}
	for _, note := range l.Notes() {
		l.cfg.Log.Info(note)
	}
	if at.Port != 0 {
		if err := checkPort(at.Port); err != nil {
			return nil, err
		}
		return l.launch(ctx, exe, at)
	}
	for at.Port = range l.freePorts() {
		p, err := l.launch(ctx, exe, at)
		if !errors.Is(err, errPortTaken) {
			return p, err
		}
	}
	return nil, l.noPort()
}

// Check says what would keep a Chromium from starting there now.
func (l *Launcher) Check(at Place) error {
	if err := l.Unused(at.Folder); err != nil || at.Port == 0 {
		return err
	}
	return checkPort(at.Port)
}

// Unused returns nil when no Chromium uses the user data folder.
func (l *Launcher) Unused(folder string) error {
	_, err := unused(folder)
	return err
}

// launch starts the program and returns when it has told its CDP address.
func (l *Launcher) launch(ctx context.Context, exe Executable, at Place) (*Process, error) {
	if !l.hold(at.Port) {
		return nil, fmt.Errorf("CDP port %d: %w", at.Port, errPortTaken)
	}
	out := &output{address: make(chan string, 1)}
	cmd := exec.Command(exe.Path, l.flags(at)...)
	cmd.Env, cmd.Dir, cmd.Stderr = l.cfg.Host.Env, at.Folder, out
	// Crash dumps would go to a folder that all Chromiums of a user share. To
	// switch them off with --disable-crashpad-for-testing keeps pages from loading.
	cmd.Env = append(cmd.Environ(), "BREAKPAD_DUMP_LOCATION="+filepath.Join(at.Folder, "Crash Reports"))
	cmd.WaitDelay = 300 * time.Millisecond // for children that keep the pipe open
	p := &Process{Place: at, Kind: exe.Kind, cmd: cmd, exited: make(chan struct{})}
	if err := l.begin(p); err != nil {
		return nil, fmt.Errorf("start %s: %w", exe.Path, err)
	}
	if err := p.listens(ctx, out); err != nil {
		p.End(0)
		return nil, err
	}
	return p, nil
}

// listens waits for the CDP address of a Chromium that was just started.
func (p *Process) listens(ctx context.Context, out *output) error {
	late := time.NewTimer(launchTimeout)
	defer late.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return fmt.Errorf("chromium (process %d) told no CDP address within %s: %s", p.PID, launchTimeout, out.last())
	case <-p.exited:
		return p.atOnce(out)
	case address := <-out.address:
		ws, err := url.Parse(address)
		if err != nil {
			return fmt.Errorf("CDP address %q: %w", address, err)
		}
		// With its port taken Chromium does not fail: it listens on [::1]
		// alone and leaves 127.0.0.1 to the other program, or nowhere.
		if ws.Host != loopback(p.Port) {
			return fmt.Errorf("CDP port %d: %w", p.Port, errPortTaken)
		}
		p.WS = ws
		return nil
	}
}

// profileInUse is Chromium's exit code (RESULT_CODE_PROFILE_IN_USE) when
// another one has the user data folder.
const profileInUse = 21

// atOnce says why a Chromium ended before it told its CDP address.
func (p *Process) atOnce(out *output) error {
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
