package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"clawdbot/browser/relay/extension"
	"clawdbot/profile"
)

func newBrowserExtensionCmd(a *app, asJSON *bool) *cobra.Command {
	return newGroup(&cobra.Command{
		Use:   "extension",
		Short: "Let the agent drive tabs of your own Chrome",
		Long: `extension puts a Chrome extension into the profile's state folder. A tab whose
toolbar button you click is lent to the gateway, until you click again; no other
tab can be seen. It is the browser profile chrome.`,
		Example: `  clawdbot browser extension install
  clawdbot browser --browser-profile chrome tabs`,
	},
		&cobra.Command{
			Use: "install", Short: "Write the extension, and tell how to load it", Args: takes(),
			Long: `install writes the extension, or brings it up to date: after an update of clawdbot,
or when the gateway's port has changed. It pairs the extension with the profile.`,
			RunE: func(*cobra.Command, []string) error { return a.failed(a.runExtensionInstall(*asJSON), *asJSON) },
		},
		&cobra.Command{
			Use: "path", Short: "Print the folder of the extension", Args: takes(),
			RunE: func(*cobra.Command, []string) error { return a.failed(a.runExtensionPath(*asJSON), *asJSON) },
		},
	)
}

// extensionPlace is what extension install and path print as JSON.
type extensionPlace struct {
	Profile string `json:"profile"`
	Path    string `json:"path"`
	ID      string `json:"id"`   // as Chrome shows it
	Port    int    `json:"port"` // of the relay
}

func (a *app) runExtensionInstall(asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	port, err := relayPort(p)
	if err != nil {
		return err
	}
	folder, name := p.ExtensionDir(), p.Bus()
	_, before := extension.Read(folder)
	if err := extension.Install(folder, name, port); err != nil {
		return fmt.Errorf("install the extension: %w", err)
	}
	if asJSON {
		return a.printJSON(extensionPlace{p.Name, folder, extension.ID(name), port})
	}
	a.printf("The extension is in %s\n", folder)
	if before == nil {
		a.wrapped("  ", "If Chrome has it already, press its Reload button on chrome://extensions.")
	}
	a.printf("To load it:\n")
	for n, step := range []string{
		"open chrome://extensions in Chrome, Edge, Brave or Chromium",
		"switch on Developer mode",
		"press Load unpacked and choose the folder above",
		"pin the extension, so that its button is in the toolbar",
		"open a tab that the agent may have and click the button: ON means that it is lent",
	} {
		a.wrapped(fmt.Sprintf("  %d. ", n+1), step)
	}
	a.wrapped("Then: ", p.Command("browser --browser-profile chrome tabs"))
	a.wrapped("", "Whoever drives a tab can do there what you can: lend none that you would not hand over.")
	return nil
}

func (a *app) runExtensionPath(asJSON bool) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	folder := p.ExtensionDir()
	paired, err := extension.Read(folder)
	if err != nil {
		return &exitError{exitFailed, err, p.Command("browser extension install")}
	}
	if asJSON {
		return a.printJSON(extensionPlace{p.Name, folder, extension.ID(p.Bus()), paired.Port})
	}
	a.printf("%s\n", folder)
	return nil
}

// relayPort is where the gateway's relay listens, or will when it is started.
func relayPort(p profile.Profile) (int, error) {
	i, alive, err := running(p)
	if err != nil || alive && i.Ports.Relay != 0 {
		return i.Ports.Relay, err
	}
	loaded, err := p.Load()
	if err != nil {
		return 0, configHelp(p, err)
	}
	set, _, err := p.PlanPorts(loaded.Config, 0)
	return set.Relay, err
}
