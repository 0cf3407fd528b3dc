package drill

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/ports"
	"clawdbot/profile/store"
)

// scratch is a place on this host with two profiles of its own.
type scratch struct {
	dir    string
	exe    string
	env    []string // of everything that runs here
	own    func(*exec.Cmd)
	main   profile.Profile
	rescue profile.Profile
	ports  map[string]ports.Ports // by profile
	text   []byte                 // of main's config, as the drill left it
}

// newScratch sets the two profiles up in dir. Main's config counts as proven,
// as that of the profile it is a clone of.
func newScratch(cfg Config, dir string) (*scratch, error) {
	s := &scratch{dir: dir, exe: cfg.Exe, own: cfg.Own, ports: map[string]ports.Ports{}}
	s.env = environment(cfg.Env, dir)
	var err error
	if s.main, err = s.resolve(nameMain); err != nil {
		return nil, err
	}
	if s.rescue, err = s.resolve(nameRescue); err != nil {
		return nil, err
	}
	if err := s.planPorts(cfg.Taken); err != nil {
		return nil, err
	}
	like := config.Default()
	like.Bridge.Enabled, like.Browser.Enabled, like.CanvasHost.Enabled = false, false, false
	for p, like := range map[*profile.Profile]config.Config{&s.main: cfg.Like, &s.rescue: like} {
		text, err := configText(*p, s.ports[p.Name].Gateway, like)
		if err != nil {
			return nil, err
		}
		if err := s.setUp(*p, text); err != nil {
			return nil, err
		}
	}
	s.text, err = os.ReadFile(s.main.ConfigPath)
	return s, err
}

// environment is what the gateways get: what any program needs, and folders
// below dir. The operator's keys for other services, a service manager's
// sockets and variables that speak of a real profile stay out.
func environment(env []string, dir string) []string {
	kept := slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return !slices.Contains([]string{"PATH", "TZ", "LANG", "TMPDIR", "USER", "LOGNAME"}, key)
	})
	return append(kept,
		"HOME="+dir, "XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_STATE_HOME="+filepath.Join(dir, "state"),
		"XDG_DATA_HOME="+filepath.Join(dir, "data"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "XDG_RUNTIME_DIR="+filepath.Join(dir, "run"))
}

func (s *scratch) resolve(name string) (profile.Profile, error) {
	lookup := func(key string) (string, bool) {
		for _, kv := range slices.Backward(s.env) {
			if v, ok := strings.CutPrefix(kv, key+"="); ok {
				return v, true
			}
		}
		return "", false
	}
	return profile.Resolve(profile.Flags{Profile: name}, profile.Env{Lookup: lookup, Home: s.dir, Exe: s.exe})
}

// planPorts takes two blocks that no profile has and nobody listens on. It
// begins anywhere, so that drills at the same time do not ask for the same.
func (s *scratch) planPorts(taken []ports.Ports) error {
	const spread = 64 // blocks; the last is below the range that systems give to clients
	n, err := rand.Int(rand.Reader, big.NewInt(spread-2))
	if err != nil {
		return err
	}
	from := ports.First + int(n.Int64())*ports.Step
	for _, name := range []string{nameMain, nameRescue} {
		base, err := ports.Plan(taken, func(port int) bool { return port < from || profile.InUse(port) })
		if err != nil {
			return err
		}
		set, err := ports.Derive(base)
		if err != nil {
			return err
		}
		s.ports[name], taken = set, append(slices.Clip(taken), set)
	}
	return nil
}

// configText is the config of a profile in the scratch: switched as like is,
// with a token of its own, and reachable from this host only.
func configText(p profile.Profile, base int, like config.Config) ([]byte, error) {
	token := make([]byte, 32)
	if _, err := rand.Read(token); err != nil {
		return nil, err
	}
	reload, err := json.Marshal(like.Gateway.Reload)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `// Made for a drill.
{
  gateway: {
    port: %d,
    bind: "loopback",
    auth: { mode: "token", token: "%s" },
    reload: %s,
  },
  bridge: { enabled: %t },
  browser: { enabled: %t },
  canvasHost: { enabled: %t, liveReload: %t },
  logging: { level: %q },
  rescue: { policy: %q },
}
`, base, hex.EncodeToString(token), reload, like.Bridge.Enabled, like.Browser.Enabled,
		like.CanvasHost.Enabled, like.CanvasHost.LiveReload, like.Logging.Level, policy(p)), nil
}

// policy lets the rescue act, and main only look.
func policy(p profile.Profile) string {
	if p.Name == nameRescue {
		return "repair"
	}
	return "observe"
}

// setUp makes the profile as `clawdbot setup` does, and marks its config good.
func (s *scratch) setUp(p profile.Profile, text []byte) error {
	if err := profile.WriteFile(p.ConfigPath, text); err != nil {
		return err
	}
	if _, err := setup.Run(p, setup.Options{}); err != nil {
		return fmt.Errorf("set up %s: %w", p.Name, err)
	}
	loaded, err := p.Load()
	if err != nil {
		return err
	}
	st, err := store.Open(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir()})
	if err != nil {
		return err
	}
	generations := config.NewGenerations(st)
	g, err := generations.Record(loaded, config.FromFile, time.Now())
	if err == nil {
		_, err = generations.Mark(g.N, config.Good, "")
	}
	return errors.Join(err, st.Close())
}

// command is clawdbot as it runs in the scratch; it is killed when ctx ends.
func (s *scratch) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.exe, args...)
	cmd.Args[0] = "clawdbot" // what ps shows
	cmd.Env, cmd.Dir = s.env, s.dir
	s.own(cmd)
	return cmd
}

// rewrite changes main's config as a person does, one line of it, and returns
// that line's number.
func (s *scratch) rewrite(old, line string) (int, error) {
	before, _, found := bytes.Cut(s.text, []byte(old))
	if !found {
		return 0, fmt.Errorf("main's config has no line with %s", old)
	}
	s.text = bytes.Replace(s.text, []byte(old), []byte(line), 1)
	return bytes.Count(before, []byte("\n")) + 1, profile.WriteFile(s.main.ConfigPath, s.text)
}

// untouched says whether main's config is as the drill left it.
func (s *scratch) untouched() (bool, error) {
	now, err := os.ReadFile(s.main.ConfigPath)
	return bytes.Equal(now, s.text), err
}
