package cli

import (
	"context"
	"path/filepath"
	"runtime"

	"clawdbot/profile"
	"clawdbot/profile/service"
)

// serviceHost is the service manager of this user.
func (a *app) serviceHost() (*service.Host, error) {
	return service.New(service.Native(runtime.GOOS), a.env.Get)
}

// managed is ErrNoManager when the profile's gateway can be no service here.
func (a *app) managed(ctx context.Context, p profile.Profile) error {
	host, err := a.serviceHost()
	if err == nil {
		_, err = host.Status(ctx, p.Name)
	}
	return err
}

// serviceSpec is the unit of a profile. It names the profile, also the unnamed
// one, so that nothing depends on the environment it is started in; paths that
// were set by hand go into the unit.
func serviceSpec(p profile.Profile) service.Spec {
	spec := service.Spec{
		Profile: p.Name, Exe: p.Env().Exe, Args: []string{"--profile", p.Name, "gateway", "run"},
		Home: p.Env().Home, LogDir: filepath.Dir(p.LogFile()),
	}
	env := map[string]string{}
	for _, key := range []string{"XDG_STATE_HOME", "XDG_CONFIG_HOME"} { // where the host registry and the NATS contexts are
		if v := p.Env().Get(key); filepath.IsAbs(v) {
			env[key] = v
		}
	}
	if p.ByHand() {
		spec.Args = []string{"gateway", "run"}
		env["CLAWDBOT_PROFILE"], env["CLAWDBOT_STATE_DIR"], env["CLAWDBOT_CONFIG_PATH"] = p.Name, p.StateDir, p.ConfigPath
	}
	if len(env) > 0 {
		spec.Env = env
	}
	return spec
}

// installService installs the profile's unit and notes it in the host registry.
func (a *app) installService(ctx context.Context, p profile.Profile, force bool) (service.Change, error) {
	host, err := a.serviceHost()
	if err != nil {
		return service.Change{}, err
	}
	change, err := host.Install(ctx, serviceSpec(p), force)
	if err != nil {
		return change, err
	}
	return change, noteUnit(p, change.Unit)
}

// noteUnit writes the unit of a profile into the host registry; "" forgets it.
func noteUnit(p profile.Profile, unit string) error {
	i, err := p.Registry.Get(p.Name)
	if err != nil || !i.Is(p) || i.Unit == unit {
		return err
	}
	_, err = p.Registry.Update(func(all []profile.Instance) (profile.Instance, error) {
		for _, now := range all {
			if now.Is(p) {
				i = now
			}
		}
		i.Unit = unit
		return i, nil
	})
	return err
}
