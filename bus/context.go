package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"clawdbot/profile"
)

// natsContext is a context file of the NATS tools, as the nats CLI reads it
// from <config folder>/nats/context/<name>.json.
type natsContext struct {
	Description string `json:"description"`
	URL         string `json:"url"`
	User        string `json:"user"`
	Password    string `json:"password"`
	InboxPrefix string `json:"inbox_prefix"`
}

// ContextName is the name of a profile's context.
func ContextName(busName string) string { return "clawdbot-" + busName }

// WriteContext writes the profile's context, 0600, with the debug user, and
// selects it when no context is selected. It says whether it did.
func WriteContext(natsDir, busName string, port int, debugPassword string) (selected bool, err error) {
	body, err := json.MarshalIndent(natsContext{
		Description: "clawdbot " + busName + ", read only",
		URL:         "nats://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		User:        UserDebug, Password: debugPassword, InboxPrefix: InboxPrefix(UserDebug),
	}, "", "  ")
	if err != nil {
		return false, err
	}
	path := filepath.Join(natsDir, "context", ContextName(busName)+".json")
	if err := profile.WriteFile(path, append(body, '\n')); err != nil {
		return false, fmt.Errorf("nats context: %w", err)
	}
	choice := filepath.Join(natsDir, "context.txt")
	current, err := os.ReadFile(choice)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("nats context: %w", err)
	}
	if strings.TrimSpace(string(current)) != "" {
		return false, nil
	}
	if err := profile.WriteFile(choice, []byte(ContextName(busName))); err != nil {
		return false, fmt.Errorf("nats context: %w", err)
	}
	return true, nil
}

// RemoveContext takes back what WriteContext wrote; a context that is not
// there is no error.
func RemoveContext(natsDir, busName string) error {
	choice := filepath.Join(natsDir, "context.txt")
	if current, err := os.ReadFile(choice); err == nil && strings.TrimSpace(string(current)) == ContextName(busName) {
		if err := os.Remove(choice); err != nil {
			return fmt.Errorf("nats context: %w", err)
		}
	}
	err := os.Remove(filepath.Join(natsDir, "context", ContextName(busName)+".json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nats context: %w", err)
	}
	return nil
}
