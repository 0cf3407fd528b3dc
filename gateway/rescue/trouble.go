package rescue

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
	"clawdbot/profile/service"
)

// lasting is how long a trouble of a peer that runs has to last to be an incident.
const lasting = 3 * time.Second

// storeComponent is the name under which a gateway tells how its store is.
const storeComponent = "store"

// trouble is a reason for an incident.
type trouble struct {
	kind msg.IncidentKind
	what string // one sentence for people
}

// fatal says whether the peer does not serve.
func fatal(v msg.Verdict) bool { return v == msg.VerdictDown || v == msg.VerdictHung }

// running says whether the peer tells by its beats how it is.
func running(v msg.Verdict) bool { return v == msg.VerdictOK || v == msg.VerdictDegraded }

// serves says whether the peer does what it is there for.
func (t *track) serves() bool {
	return running(t.peer.Verdict) && t.beat.Phase == msg.PhaseReady && t.beat.Source != string(config.FromSafeMode)
}

// troubles are all reasons for an incident that the peer gives now, the worst
// first. A verdict that is still to be settled gives none.
func (t *track) troubles(now time.Time) []trouble {
	switch v := t.peer.Verdict; {
	case v == msg.VerdictDown:
		return []trouble{{msg.KindCrash, t.name + " ended: " + t.peer.Reason}}
	case v == msg.VerdictHung:
		return []trouble{{msg.KindHang, t.name + " hangs: " + t.peer.Reason}}
	case v == msg.VerdictSuspect && t.seen.healthz.ok && now.Sub(t.judged) >= lasting:
		return []trouble{{msg.KindLinkOnly, t.name + " works, but it is not heard on the link: " + t.peer.Reason}}
	case running(v) && t.beat.Phase == msg.PhaseReady:
		return t.complaints(now)
	}
	return nil
}

// complaints are the troubles that the peer itself tells of.
func (t *track) complaints(now time.Time) []trouble {
	var list []trouble
	for _, c := range t.beat.Components {
		switch since, bad := t.badSince[c.Name]; {
		case c.Name == storeComponent && (c.State == msg.StateFailed || c.State == msg.StateDegraded):
			list = append(list, trouble{storeKind(c.Detail), fmt.Sprintf("the store of %s is %s: %s", t.name, c.State, c.Detail)})
		case bad && now.Sub(since) >= lasting:
			list = append(list, trouble{msg.KindComponentStuck, fmt.Sprintf("%s of %s does not work: %s", c.Name, t.name, c.Detail)})
		}
	}
	switch t.beat.Source {
	case string(config.FromFallback):
		list = append(list, trouble{msg.KindBadConfig, fmt.Sprintf("%s does not run its config file, but generation %d", t.name, t.beat.Generation)})
	case string(config.FromSafeMode):
		list = append(list, trouble{msg.KindBadConfig, t.name + " runs in safe mode: no generation of its config started"})
	}
	return list
}

// storeKind tells a full disk from a damaged store, by what was said of it.
func storeKind(detail string) msg.IncidentKind {
	if diskFull(detail) {
		return msg.KindDiskFull
	}
	return msg.KindStoreCorrupt
}

// diskFull knows the words of the store, and those of the system on each platform.
func diskFull(text string) bool {
	return slices.ContainsFunc([]string{"full", "no space", "not enough space", "file too large", "quota"}, func(word string) bool {
		return strings.Contains(strings.ToLower(text), word)
	})
}

// exitAgain is the status of a gateway that could not start for now.
const exitAgain = 75

// classify names the kind of a failure by its evidence.
func classify(first msg.IncidentKind, e Evidence, gaveUp bool, failures int) msg.IncidentKind {
	status := 0
	if e.Exit != nil {
		status = e.Exit.Status
	}
	last := ""
	if n := len(e.LastLog); n > 0 {
		last = e.LastLog[n-1].Msg
	}
	switch {
	case first == msg.KindHang:
		return first
	case len(e.Foreign) > 0:
		return msg.KindPortStolen
	case status == exitConfig:
		return msg.KindBadConfig
	case status == exitAgain && diskFull(last):
		return msg.KindDiskFull
	case failures > 1:
		return msg.KindCrashLoop
	case gaveUp:
		return msg.KindServiceGaveUp
	}
	return first
}

// cause is what equal failures have in common.
func cause(verdict msg.Verdict, e Evidence, step string) string {
	parts := []string{"crash"}
	if verdict == msg.VerdictHung {
		parts[0] = "hang"
	}
	if end := ending(e.Exit); end != "" {
		parts = append(parts, end)
	}
	if step != "" {
		parts = append(parts, "start: "+step)
	}
	return strings.Join(parts, ", ")
}

// ending is how a process ended, for people.
func ending(e *msg.Exit) string {
	switch {
	case e == nil:
		return ""
	case e.Signal != "":
		return "ended by " + e.Signal
	case e.Status >= 0:
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return ""
}

// summary is the incident in one sentence, as far as it is known.
func summary(what string, e Evidence) string {
	for _, part := range e.parts() {
		if !strings.Contains(what, part) { // an earlier life of this observer may have said it
			what += "; " + part
		}
	}
	return what
}

// parts are what the evidence proves, each a part of a sentence.
func (e Evidence) parts() []string {
	var list []string
	for _, h := range e.Foreign {
		list = append(list, h.String())
	}
	if end := ending(e.Exit); end != "" {
		list = append(list, end)
	}
	if e.Config != nil && len(e.Config.Issues) > 0 {
		list = append(list, "its config file is refused: "+e.Config.Issues[0])
	}
	return list
}

// String is "port 18789 is held by nginx (pid 77)".
func (h PortHolder) String() string {
	switch {
	case h.PID == 0:
		return fmt.Sprintf("port %d is held by a process of another user", h.Port)
	case h.Name == "":
		return fmt.Sprintf("port %d is held by pid %d", h.Port, h.PID)
	}
	return fmt.Sprintf("port %d is held by %s (pid %d)", h.Port, h.Name, h.PID)
}

// managerName is how people call a service manager.
func managerName(kind string) string {
	if kind == string(service.Up) {
		return "clawdbot up"
	}
	return kind
}

// custody is what a peer's service manager says it will do with it.
type custody struct {
	gaveUp   bool   // it does not start it again by itself
	stopped  string // it has it stopped: why nobody else may start it, "" when not
	stopping bool   // that is going on
}

// custodyOf reads a manager's words. Units that cannot be read so are waited for.
func custodyOf(s service.Status) custody {
	stopped := fmt.Sprintf("%s was told to stop it (%s)", managerName(string(s.Manager)), s.State)
	switch {
	case !s.Installed:
		return custody{}
	case s.State == "deactivating" && s.SubState != "stop-post":
		return custody{stopped: stopped, stopping: true}
	case s.State == service.UpStopped, s.State == "inactive" && s.Manager == service.Systemd:
		return custody{stopped: stopped}
	case s.State == "failed", s.State == service.UpGaveUp:
		return custody{gaveUp: true}
	}
	return custody{}
}
