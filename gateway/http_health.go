package gateway

import (
	"fmt"
	"net/http"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/gateway/jsonhttp"
)

// vitals is what healthz and readyz answer, to anyone on the host.
type vitals struct {
	OK       bool      `json:"ok"`
	Profile  string    `json:"profile"`
	Phase    msg.Phase `json:"phase,omitempty"`
	SafeMode bool      `json:"safeMode,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// beatLate is the age at which the own last beat tells that the supervised
// loop, which sends one every 250 ms, has stopped.
const beatLate = time.Second

// serveHealthz tells whether the supervised loop beats.
func (s *Server) serveHealthz(w http.ResponseWriter, _ *http.Request) { s.answerVitals(w, s.alive()) }

// serveReadyz tells whether the gateway takes work: all of it, but in safe mode.
func (s *Server) serveReadyz(w http.ResponseWriter, _ *http.Request) {
	v := s.alive()
	switch {
	case !v.OK:
	case v.Phase != msg.PhaseReady:
		v.OK, v.Reason = false, fmt.Sprintf("the gateway is %s", v.Phase)
		if detail := s.state.snapshot().beat.Detail; detail != "" {
			v.Reason += ": " + detail
		}
	case v.SafeMode:
		v.Reason = "safe mode: only the bus, health and repair run"
	}
	s.answerVitals(w, v)
}

func (s *Server) alive() vitals {
	now := s.state.snapshot()
	v := vitals{OK: true, Profile: s.cfg.Identity.Profile, Phase: now.beat.Phase, SafeMode: isSafe(s.cfg.Generation())}
	switch age := time.Since(now.beatAt); {
	case now.beatAt.IsZero():
		v.OK, v.Reason = false, "the supervised loop has not beaten yet"
	case age > beatLate:
		v.OK, v.Reason = false, fmt.Sprintf("the supervised loop's last beat is %d ms old", age.Milliseconds())
	}
	return v
}

func (s *Server) answerVitals(w http.ResponseWriter, v vitals) {
	status := http.StatusOK
	if !v.OK {
		status = http.StatusServiceUnavailable
	}
	jsonhttp.Write(w, status, v)
}
