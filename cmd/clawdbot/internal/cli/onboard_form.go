package cli

import (
	"context"
	"errors"
	"strconv"

	tea "charm.land/bubbletea/v2"
	"charm.land/huh/v2"

	"clawdbot/cmd/clawdbot/internal/setup"
	"clawdbot/profile"
)

// answers are what onboarding asks for.
type answers struct {
	goOn      bool
	port      string
	workspace string
	bind      string
	service   bool

	offerService bool
}

// ask fills the options with a person's answers. What a person leaves as it was
// offered stays unset, so that a config that is there is not written to.
func (a *app) ask(ctx context.Context, p profile.Profile, o *onboardOptions) error {
	if err := setup.CheckName(p); err != nil {
		return err
	}
	offer, err := o.offer(p)
	if err != nil {
		return configHelp(p, err)
	}
	got := offer
	form := a.form(p, &got).WithInput(a.In).WithOutput(a.Out).WithViewHook(func(v tea.View) tea.View {
		v.AltScreen = true // leaves nothing of itself behind
		return v
	})
	err = form.RunWithContext(ctx)
	if errors.Is(err, huh.ErrUserAborted) || err == nil && !got.goOn {
		return &exitError{exitFailed, errors.New("nothing was changed"), ""}
	}
	if err != nil {
		return err
	}
	o.installDaemon = got.service
	if base, err := strconv.Atoi(got.port); err == nil && got.port != offer.port { // checkBase has read it
		o.Port = base
	}
	if got.workspace != offer.workspace {
		o.Workspace = got.workspace
	}
	if got.bind != offer.bind {
		o.Bind = got.bind
	}
	return nil
}

// offer is what the form shows at first: the flags, the config, the defaults.
func (o *onboardOptions) offer(p profile.Profile) (answers, error) {
	loaded, err := p.Load()
	if err != nil {
		return answers{}, err
	}
	set, _, err := p.PlanPorts(loaded.Config, o.Port)
	if err != nil {
		return answers{}, err
	}
	offer := answers{
		goOn: true, port: strconv.Itoa(set.Gateway), workspace: p.Workspace, bind: loaded.Config.Gateway.Bind,
		service: o.installDaemon, offerService: o.noManager == nil,
	}
	if w := loaded.Config.Agents.Defaults.Workspace; w != "" {
		offer.workspace = w
	}
	if o.Workspace != "" {
		offer.workspace = o.Workspace
	}
	if o.Bind != "" {
		offer.bind = o.Bind
	}
	return offer, nil
}

func (a *app) form(p profile.Profile, to *answers) *huh.Form {
	title := "Set up profile " + p.Name + "?"
	if isSetUp(p) {
		title = "Profile " + p.Name + " is set up. Go through its settings?"
	}
	fields := []huh.Field{
		huh.NewInput().Title("Base port").Value(&to.port).Validate(checkBase(p, to.port)).
			Description("The gateway listens on it; bridge, browser, canvas and bus have the next ones."),
		huh.NewInput().Title("Workspace").Value(&to.workspace).
			Description("The folder for the agents' files. It is made if it is missing."),
		huh.NewSelect[string]().Title("Who can connect").Value(&to.bind).Options(
			huh.NewOption("programs of this host (loopback)", "loopback"),
			huh.NewOption("the local network (lan)", "lan"),
			huh.NewOption("this host's tailnet (tailnet)", "tailnet"),
			huh.NewOption("let the gateway choose (auto)", "auto"),
		),
	}
	if to.offerService {
		fields = append(fields, huh.NewConfirm().Title("Install it as a service and start it?").Affirmative("Yes").Negative("No").Value(&to.service).
			Description("It then starts with your session and comes back after a crash. With No you run it yourself."))
	}
	keys := huh.NewDefaultKeyMap()
	keys.Select.Filter.Unbind() // four lines need none
	return huh.NewForm(
		huh.NewGroup(
			huh.NewConfirm().Title(title).Affirmative("Yes").Negative("No").Value(&to.goOn).
				Description("Its config is "+a.short(p.ConfigPath)+".\nFor another one: clawdbot --profile <name> onboard"),
		),
		huh.NewGroup(fields...).WithHideFunc(func() bool { return !to.goOn }),
	).WithKeyMap(keys)
}

// checkBase says what is wrong with a base port that a person types. The one
// that was offered is left to setup.
func checkBase(p profile.Profile, offered string) func(string) error {
	return func(s string) error {
		port, err := strconv.Atoi(s)
		if err != nil || port == 0 {
			return errors.New("a number, please")
		}
		if s == offered {
			return nil
		}
		return setup.CheckBase(p, setup.Options{Port: port})
	}
}
