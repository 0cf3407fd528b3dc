package rescue

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/config"
	"clawdbot/profile/tape"
)

const (
	diagnoseLines = 20
	askOwn        = time.Second // to one method of the own core
	askPeer       = time.Second // to a peer's diagnosis
)

// diagnose answers a peer that asks over the link how this gateway is. What the
// core does not answer in time is left out.
func (s *Server) diagnose(ctx context.Context, _ *bus.Request) (any, error) {
	d := msg.Diagnosis{Profile: s.cfg.Subjects.Profile()}
	var file msg.ConfigFile
	var history struct {
		Generations []config.Generation `json:"generations"`
		Running     uint64              `json:"running"`
		Source      string              `json:"source"`
		Reason      string              `json:"reason"`
	}
	var parts struct {
		Components []msg.Component `json:"components"`
	}
	var tail msg.LogTail
	err := errors.Join(
		s.core(ctx, "config.get", nil, &file),
		s.core(ctx, "generations.list", nil, &history),
		s.core(ctx, "component.list", nil, &parts),
		s.core(ctx, "logs.tail", msg.LogQuery{Limit: diagnoseLines}, &tail),
	)
	if err != nil {
		s.cfg.Log.Warn("diagnosis is not complete", "err", err)
	}
	d.Config = msg.ConfigState{Generation: history.Running, Source: history.Source, Reason: history.Reason, Issues: file.Issues}
	for _, g := range history.Generations {
		if g.Verdict == config.Good {
			d.Config.LastGood = g.N
		}
		if g.N == history.Running {
			d.Config.Verdict = string(g.Verdict)
		}
	}
	d.Components = parts.Components
	for _, text := range tail.Lines {
		var line msg.LogLine
		if json.Unmarshal([]byte(text), &line) == nil {
			d.LastLog = append(d.LastLog, line)
		}
	}
	return tape.Safe(s.redactor(), d)
}

// core asks the own gateway.
func (s *Server) core(ctx context.Context, method string, in, out any) error {
	subj, err := s.cfg.Subjects.RPC(method)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askOwn)
	defer cancel()
	return bus.Call(ctx, s.nc, subj, in, out)
}

// inquire asks a peer that runs how it is, takes the answer into the open
// incident, and then calls then in the watch loop, with or without an answer.
func (s *Server) inquire(ctx context.Context, d *dossier, t *track, then func(now time.Time)) {
	peer, err := subject.New(t.name)
	if err != nil { // the registry only holds checked names
		return
	}
	id := d.incident.ID
	s.background(func() func(time.Time) {
		ctx, cancel := context.WithTimeout(ctx, askPeer)
		defer cancel()
		var own msg.Diagnosis
		subj, err := peer.Rescue("diagnose")
		if err == nil {
			err = bus.Call(ctx, s.nc, subj, nil, &own)
		}
		return func(now time.Time) {
			if !d.has(id) {
				return
			}
			if err != nil {
				d.note(now, "not known: what "+t.name+" says of itself: "+err.Error())
			} else {
				d.hear(own)
			}
			then(now)
		}
	})
}

// hear takes what the peer says of itself into the record. What the host knew
// of its file before stays.
func (d *dossier) hear(own msg.Diagnosis) {
	next, before := own.Config, d.incident.Config
	if before != nil {
		next.Diff = before.Diff
		if len(next.Issues) == 0 {
			next.Issues = before.Issues
		}
	}
	d.incident.Config = &next
	if !d.fatal {
		d.incident.LastLog = own.LastLog
		d.incident.Summary = summary(d.what, Evidence{Config: &next})
	}
}
