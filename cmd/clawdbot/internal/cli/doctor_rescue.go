package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
)

// checkCrash looks for what the last crash left behind.
func (s *patient) checkCrash(context.Context) []finding {
	path, at, ok := profile.LatestCrash(s.StateDir)
	if !ok {
		return nil
	}
	text := fmt.Sprintf("the gateway crashed, or was aborted, at %s; its goroutines are in %s", at.Local().Format(time.DateTime), s.short(path))
	return []finding{{Severity: note, Text: text, Try: s.Command("postmortem " + s.Name)}}
}

// quarantined are the damaged stores that another one took the place of.
func (s *patient) quarantined() []finding {
	paths, _ := filepath.Glob(s.StoreDir() + ".corrupt-*") // the pattern is well formed, unless a folder is called like one
	var found []finding
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			continue
		}
		text := fmt.Sprintf("a damaged store was replaced and lies in %s: remove it when nothing is missed", s.short(path))
		found = append(found, finding{Severity: note, Text: text, Try: s.Command("state ls")})
	}
	return found
}

// checkIncidents tells of what is not over: what this profile saw of others, and
// what others saw of it.
func (s *patient) checkIncidents(context.Context) []finding {
	var found []finding
	if st := s.view.report.Incidents; st.Open > 0 {
		found = append(found, s.incident(s.Profile, *st.Newest, st.Open))
	}
	for _, t := range testimonies(s.Profile) {
		if t.incident.State != msg.IncidentResolved {
			found = append(found, s.incident(t.observer, t.incident, 1))
		}
	}
	return found
}

// incident is a finding about the newest of some open incidents, which the
// observer keeps. One that is held waits for a person.
func (s *patient) incident(observer profile.Profile, i msg.IncidentBrief, open int) finding {
	f := finding{
		Severity: note, Try: observer.Command("incidents show " + i.ID),
		Text: fmt.Sprintf("%s keeps an open incident of %s: %s", observer.Name, i.Peer, printable(i.Summary)),
	}
	if i.State == msg.IncidentHeld {
		f.Severity = problem
		f.Text = fmt.Sprintf("%s holds its repairs of %s and waits for you: %s", observer.Name, i.Peer, printable(i.Summary))
	}
	if open > 1 {
		f.Text += fmt.Sprintf("; %d others are open", open-1)
	}
	return f
}

// checkPeers tells of peers that run and that nobody can start again.
func (s *patient) checkPeers(context.Context) []finding {
	var found []finding
	known, _ := s.Known()
	for _, peer := range s.view.report.Peers {
		for _, i := range known {
			runs := peer.Verdict != msg.VerdictUnknown && peer.Verdict != msg.VerdictStopped
			if i.Bus != peer.Profile || !runs || peer.Policy == "" || peer.Managed {
				continue
			}
			found = append(found, finding{
				Severity: note, Text: fmt.Sprintf("nobody starts peer %s again when it fails: it runs in a terminal (policy %s)", peer.Profile, peer.Policy),
				Try: profile.Profile{Name: i.Profile}.Command("gateway install") + ", or clawdbot up " + i.Profile,
			})
		}
	}
	return found
}
