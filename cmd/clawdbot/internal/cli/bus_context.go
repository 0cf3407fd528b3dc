package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"clawdbot/bus"
	"clawdbot/profile"
)

// natsContext is a profile's context of the NATS tools as it should be.
type natsContext struct {
	name, path string
	port       int    // of the bus that runs, or that a start would make
	password   string // of the user debug
}

func natsContextOf(p profile.Profile) (natsContext, error) {
	c := natsContext{name: bus.ContextName(p.Bus())}
	c.path = filepath.Join(p.NATSDir(), "context", c.name+".json")
	password, err := readKey(p, bus.UserDebug)
	if err != nil {
		return c, err
	}
	c.password = password
	i, alive, err := running(p)
	if err != nil {
		return c, err
	}
	if c.port = i.Ports.Bus; alive {
		return c, nil
	}
	loaded, err := p.Load()
	if err != nil {
		return c, configHelp(p, err)
	}
	set, _, err := p.PlanPorts(loaded.Config, 0)
	c.port = set.Bus
	return c, err
}

// wrong says what is wrong with the context on disk, or "".
func (c natsContext) wrong() string {
	body, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "it is missing"
	}
	if err != nil {
		return err.Error()
	}
	var now struct{ URL, User, Password string }
	switch {
	case json.Unmarshal(body, &now) != nil:
		return "it is not JSON"
	case now.URL != busURL(c.port):
		return fmt.Sprintf("it says %s, and the bus is at %s", now.URL, busURL(c.port))
	case now.User != bus.UserDebug || now.Password != c.password:
		return "its user or password is not the bus's"
	}
	return ""
}

func (c natsContext) write(p profile.Profile) error {
	_, err := bus.WriteContext(p.NATSDir(), p.Bus(), c.port, c.password)
	return err
}

// readKey is the password of a user that every profile has.
func readKey(p profile.Profile, user string) (string, error) {
	if _, err := os.Stat(p.BusKey(user)); errors.Is(err, fs.ErrNotExist) { // Secret would make one
		if !isSetUp(p) {
			return "", notSetUp(p, exitConfig)
		}
		return "", &exitError{exitConfig, fmt.Errorf("profile %s is not set up: there is no %s", p.Name, p.BusKey(user)), p.Command("setup")}
	}
	return profile.Secret(p.BusKey(user))
}
