package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/cert"
	"clawdbot/profile/proc"
)

// condition is what can be told of a profile's gateway from outside.
type condition struct {
	Verdict msg.Verdict `json:"verdict"`
	Reason  string      `json:"reason"`
}

// notRun is a profile whose gateway nobody has seen, in the words of its peers.
var notRun = condition{msg.VerdictUnknown, "not observed: it has not run yet"}

// probeTimeout bounds the question to one gateway.
const probeTimeout = 300 * time.Millisecond

// probe tells how the instance's gateway is: by asking it when its process
// runs, else by what it left behind.
func probe(ctx context.Context, i profile.Instance) condition {
	info, err := proc.Same(i.Process)
	switch {
	case err != nil && i.Process.PID != 0:
		return condition{msg.VerdictDown, fmt.Sprintf("its process %d ended without a word", i.Process.PID)}
	case err != nil && i.StartedAt.IsZero():
		return notRun
	case err != nil:
		return condition{msg.VerdictStopped, "stopped in order " + i.StoppedAt.Local().Format(time.DateTime)}
	case info.Stopped:
		return condition{msg.VerdictHung, fmt.Sprintf("process %d is suspended", i.Process.PID)}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return askReady(ctx, i)
}

// askReady asks the gateway on the instance's port, and believes no other
// profile's answer.
func askReady(ctx context.Context, i profile.Instance) condition {
	url, transport := fmt.Sprintf("http://127.0.0.1:%d/readyz", i.Ports.Gateway), &http.Transport{DisableKeepAlives: true}
	if i.TLS != "" {
		url, transport.TLSClientConfig = strings.Replace(url, "http:", "https:", 1), cert.Pinned(i.TLS)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return condition{msg.VerdictUnknown, err.Error()}
	}
	resp, err := transport.RoundTrip(req) // no proxy, no redirects
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return condition{msg.VerdictHung, fmt.Sprintf("process %d runs, but port %d does not answer", i.Process.PID, i.Ports.Gateway)}
	case err != nil:
		return condition{msg.VerdictStarting, fmt.Sprintf("process %d runs, but does not listen on port %d yet", i.Process.PID, i.Ports.Gateway)}
	}
	defer resp.Body.Close()
	var answer struct {
		OK      bool      `json:"ok"`
		Profile string    `json:"profile"`
		Phase   msg.Phase `json:"phase"`
		Reason  string    `json:"reason"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&answer); err != nil {
		return condition{msg.VerdictUnknown, fmt.Sprintf("port %d is answered by something that is no gateway", i.Ports.Gateway)}
	}
	switch {
	case answer.Profile != i.Profile:
		return condition{msg.VerdictUnknown, fmt.Sprintf("port %d is answered by profile %s", i.Ports.Gateway, answer.Profile)}
	case answer.OK:
		return condition{msg.VerdictOK, "ready"}
	case answer.Phase == msg.PhaseStarting:
		return condition{msg.VerdictStarting, answer.Reason}
	case answer.Phase == msg.PhaseStopping:
		return condition{msg.VerdictStopped, answer.Reason}
	}
	return condition{msg.VerdictHung, answer.Reason}
}
