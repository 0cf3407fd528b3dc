package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/gateway/client"
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
		r.Ports, r.Maintenance = i.Ports, announced(i)
	}
	if alive {
		r.Gateway.PID, r.Gateway.UptimeMs = i.Process.PID, time.Since(i.StartedAt).Milliseconds()
	} else if file.err == nil {
		if set, _, err := p.PlanPorts(file.Config, 0); err == nil {
			r.Ports = set
		}
	}
	if r.Ports.Gateway != 0 {
		r.Gateway.URL = instanceURL(profile.Instance{Ports: r.Ports, TLS: i.TLS})
	}
	ran, incidents := onDisk(p)
	r.Config, r.Incidents = configOnDisk(ran, file), countIncidents(incidents)
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
func configOnDisk(last config.Generation, file configFile) msg.Generation {
	g := msg.Generation{Source: string(config.FromFile), Verdict: string(msg.VerdictUnknown), Warnings: []string{}, Generation: last.N}
	switch {
	case file.err != nil:
		g.Verdict, g.Warnings = string(config.Refused), append(g.Warnings, oneLine(file.err.Error()))
		return g
	case last.N != 0 && last.Hash == file.Hash:
		g.Verdict = string(last.Verdict)
	}
	for _, w := range file.Warnings {
		g.Warnings = append(g.Warnings, w.String())
	}
	return g
}

// onDisk is the newest generation in the store, and its incidents, the newest
// first; what cannot be read is left out.
func onDisk(p profile.Profile) (last config.Generation, incidents []msg.Incident) {
	_, _ = peek(p, func(s *store.Store) error {
		last, _ = config.NewGenerations(s).Latest()
		incidents, _ = incidentsIn(s)
		return nil
	})
	return last, incidents
}

// lastGeneration is the newest generation in the store.
func lastGeneration(p profile.Profile) (last config.Generation, err error) {
	_, err = peek(p, func(s *store.Store) (err error) {
		last, err = config.NewGenerations(s).Latest()
		return err
	})
	return last, err
}
