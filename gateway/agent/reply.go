package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/near"
)

// command is what the agent understands without a model.
type command struct {
	name, what string
	reply      func(a *Agent, now time.Time) string
}

// commands returns all commands, in the order of /help.
func commands() []command {
	return []command{
		{"/status", "this gateway in short", (*Agent).statusReply},
		{"/health", "each of its parts", (*Agent).healthReply},
		{"/peers", "the gateways it watches", (*Agent).peersReply},
		{stopCommand, "ends what runs in this chat", func(*Agent, time.Time) string { return "Nothing runs in this chat any more." }},
		{"/help", "this list", (*Agent).helpReply},
	}
}

const (
	stopCommand = "/stop"
	noModel     = "No model is configured (agents.defaults.model)"
)

// isStop says whether a message is the command that ends the runs before it.
func isStop(text string) bool {
	words := strings.Fields(text)
	return len(words) > 0 && asked(words[0]) == stopCommand
}

// asked is the command that a word calls. In a group, chat networks send
// "/status@name-of-the-bot".
func asked(word string) string {
	name, _, _ := strings.Cut(strings.ToLower(word), "@")
	return name
}

// reply returns the answer to a message's text.
func (a *Agent) reply(text string) string {
	word := strings.Fields(text)[0] // there is one: blank text is refused
	if !strings.HasPrefix(word, "/") {
		return noModel + ", so I only understand commands. /help lists them."
	}
	name := asked(word)
	var names []string
	for _, c := range commands() {
		if c.name == name {
			return c.reply(a, time.Now())
		}
		names = append(names, c.name)
	}
	if nearest := near.Name(name, names); nearest != "" {
		return fmt.Sprintf("I do not know %.64s. Did you mean %s?", word, nearest)
	}
	return fmt.Sprintf("I do not know %.64s. /help lists what I understand.", word)
}

func (a *Agent) helpReply(time.Time) string {
	var b strings.Builder
	for _, c := range commands() {
		fmt.Fprintf(&b, "%s – %s\n", c.name, c.what)
	}
	return b.String() + noModel + "."
}

func (a *Agent) statusReply(now time.Time) string {
	lines := []string{a.headline(now)}
	peers := a.heard.verdicts()
	for _, p := range peers {
		lines = append(lines, fmt.Sprintf("peer %s: %s", p.Profile, p.Verdict))
	}
	if len(peers) == 0 {
		lines = append(lines, "no peer seen")
	}
	waiting := a.waiting()
	for _, channel := range slices.Sorted(maps.Keys(waiting)) {
		lines = append(lines, fmt.Sprintf("answers waiting for %s: %d", channel, waiting[channel]))
	}
	if b, _, ok := a.heard.lastBeat(now); ok {
		lines = append(lines, fmt.Sprintf("config: generation %d (%s)", b.Generation, b.Source))
	}
	return strings.Join(lines, "\n")
}

func (a *Agent) healthReply(now time.Time) string {
	lines := []string{a.headline(now)}
	b, _, _ := a.heard.lastBeat(now)
	for _, c := range b.Components {
		line := fmt.Sprintf("%s: %s", c.Name, c.State)
		if c.Detail != "" {
			line += " – " + c.Detail
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func (a *Agent) peersReply(now time.Time) string {
	var lines []string
	for _, p := range a.heard.verdicts() {
		line := fmt.Sprintf("%s: %s", p.Profile, p.Verdict)
		if p.Since > 0 {
			line += " for " + span(now.Sub(time.UnixMilli(p.Since)))
		}
		if p.Reason != "" {
			line += " – " + p.Reason
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return a.subjects.Profile() + " has seen no peer."
	}
	return strings.Join(lines, "\n")
}

// late is the age from which a beat no longer tells of the present. They come
// every 250 ms.
const late = 2 * time.Second

// headline is "main: ok, up 3 h 12 min, v1.2.3".
func (a *Agent) headline(now time.Time) string {
	profile := a.subjects.Profile()
	b, age, ok := a.heard.lastBeat(now)
	switch {
	case !ok:
		return profile + ": unknown, no beat heard yet"
	case age > late:
		return fmt.Sprintf("%s: suspect, last beat %s ago", profile, span(age))
	}
	state := string(b.Phase)
	if b.Phase == msg.PhaseReady {
		state = "ok"
		for _, c := range b.Components {
			if c.State == msg.StateDegraded || c.State == msg.StateFailed {
				state = fmt.Sprintf("degraded (%s)", c.Name)
				break
			}
		}
	}
	return fmt.Sprintf("%s: %s, up %s, v%s", profile, state, span(time.Duration(b.MonoMs)*time.Millisecond), b.Version)
}

// span renders a duration for a phone: two units at most.
func span(d time.Duration) string {
	s := int64(max(d, 0).Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min", s/60)
	case s < 86400:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d d %d h", s/86400, s/3600%24)
}
