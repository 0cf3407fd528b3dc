package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"clawdbot/bus/msg"
	"clawdbot/gateway/client"
	"clawdbot/gateway/frame"
	"clawdbot/profile"
	"clawdbot/profile/config"
	"clawdbot/profile/proc"
	"clawdbot/profile/store"
)

// statusFromDisk fills the report without the gateway, and tells why it did
// not answer. Cause is what the attempt returned.
func (a *app) statusFromDisk(ctx context.Context, p profile.Profile, r *statusReport, file configFile, cause error) outlook {
	i, alive, err := running(p)
	mine := err == nil && i.Is(p)
	if mine {
		r.Ports = i.Ports
	}
	if alive {
		r.Gateway.PID, r.Gateway.UptimeMs = i.Process.PID, time.Since(i.StartedAt).Milliseconds()
	} else if file.err == nil {
		if set, _, err := p.PlanPorts(file.Config, 0); err == nil {
			r.Ports = set
		}
	}
	if r.Ports.Gateway != 0 {
		r.Gateway.URL = gatewayURL(r.Ports)
	}
	r.Config = configOnDisk(p, file)
	why := outlook{Try: p.Command("gateway")}
	if r.Service.Installed {
		why.Try = p.Command("gateway start")
	}
	if alive {
		why.Try = wakeUp(p, i, r.Service.Installed)
	}
	why.explain(ctx, p, i, cause)
	if !alive && (why.Verdict != msg.VerdictUnknown || why.condition == notRun) {
		why.explainPort(p, r.Ports.Gateway)
	}
	r.Gateway.Verdict = why.Verdict
	return why
}

// wakeUp is the command that helps a gateway whose process runs and does not
// answer.
func wakeUp(p profile.Profile, i profile.Instance, service bool) string {
	info, err := proc.Same(i.Process)
	switch {
	case err == nil && info.Stopped:
		return fmt.Sprintf("kill -CONT %d", info.PID)
	case service:
		return p.Command("gateway restart")
	}
	return p.Command("gateway stop")
}

// explain says why the gateway with the registry's entry does not answer.
func (w *outlook) explain(ctx context.Context, p profile.Profile, i profile.Instance, cause error) {
	switch {
	case errors.Is(cause, client.ErrUnauthorized):
		_, w.Try = wrongToken(p)
		w.condition = condition{msg.VerdictUnknown, cause.Error()}
	case errors.Is(cause, client.ErrOtherProfile):
		w.condition, w.Try = condition{msg.VerdictUnknown, cause.Error()}, p.Command("profiles")
	case i.Profile == "":
		w.condition = notRun
		if loaded, err := p.Load(); err == nil && !loaded.Exists {
			hint, try := meant(p)
			w.condition, w.Try = condition{msg.VerdictStopped, "the profile is not set up" + hint}, try
		}
	case !i.Is(p):
		w.condition = condition{msg.VerdictUnknown, fmt.Sprintf("the profile %s of this host has another state folder, %s", p.Name, i.StateDir)}
		w.Try = "clawdbot profiles"
	default:
		w.condition = probe(context.WithoutCancel(ctx), i) // has a time limit of its own
		if w.Verdict == msg.VerdictOK {                    // it answers probes
			w.condition = condition{msg.VerdictUnknown, cause.Error()}
		}
	}
}

// explainPort adds who else holds the port that a start would need.
func (w *outlook) explainPort(p profile.Profile, port int) {
	info, err := p.ExplainPort(port)
	if err != nil || info.State != profile.PortTaken {
		return
	}
	w.Reason += "; " + info.Summary
	w.Try = cmp.Or(info.Try, fmt.Sprintf("clawdbot ports explain %d", port))
}

// configOnDisk is the config that a start would find, with the verdict of the
// generation that it was when it ran.
func configOnDisk(p profile.Profile, file configFile) frame.Generation {
	g := frame.Generation{Source: string(config.FromFile), Verdict: string(msg.VerdictUnknown), Warnings: []string{}}
	last, err := lastGeneration(p)
	if err == nil {
		g.Generation = last.N
	}
	switch {
	case file.err != nil:
		g.Verdict, g.Warnings = string(config.Refused), append(g.Warnings, oneLine(file.err.Error()))
		return g
	case err == nil && last.Hash == file.Hash:
		g.Verdict = string(last.Verdict)
	}
	for _, w := range file.Warnings {
		g.Warnings = append(g.Warnings, w.String())
	}
	return g
}

// lastGeneration is the newest generation in the store, read without its lock:
// a gateway that starts at this moment must not find it taken. What it changes
// meanwhile shows as an error.
func lastGeneration(p profile.Profile) (config.Generation, error) {
	s, err := store.Open(store.Config{Dir: p.StoreDir(), Checkpoints: p.CheckpointDir(), ReadOnly: true, FS: lockless{vfs.Default}})
	if err != nil {
		return config.Generation{}, err
	}
	g, err := config.NewGenerations(s).Latest()
	return g, errors.Join(err, s.Close())
}

// lockless is a file system whose locks are always free.
type lockless struct{ vfs.FS }

func (lockless) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }
