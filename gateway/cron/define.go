package cron

import (
	"slices"
	"strings"

	"clawdbot/bus/msg"
)

// definition is the part of a job that clients write. It shares nothing with the job.
func (e *entry) definition() msg.CronAdd {
	def := msg.CronAdd{
		Name: e.Name, Description: e.Description, Enabled: new(e.Enabled), DeleteAfterRun: e.DeleteAfterRun, Schedule: e.Schedule,
		SessionTarget: e.SessionTarget, WakeMode: e.WakeMode, Payload: e.Payload,
	}
	if e.AgentID != "" {
		def.AgentID = new(e.AgentID)
	}
	if e.Payload.Deliver != nil {
		def.Payload.Deliver = new(*e.Payload.Deliver)
	}
	if e.Isolation != nil {
		def.Isolation = new(*e.Isolation)
	}
	return def
}

// define takes over a definition that was checked. It plans the job anew only if
// that changes when it runs: a time that is due just now is not lost.
func (e *entry) define(def msg.CronAdd, now int64) {
	enabled := def.Enabled == nil || *def.Enabled
	moved := e.Schedule != def.Schedule || e.Enabled != enabled
	e.Name, e.Description, e.Enabled, e.DeleteAfterRun = strings.TrimSpace(def.Name), def.Description, enabled, def.DeleteAfterRun
	e.Schedule, e.SessionTarget, e.WakeMode, e.Payload, e.Isolation = def.Schedule, def.SessionTarget, def.WakeMode, def.Payload, def.Isolation
	e.AgentID, e.UpdatedAtMs = "", now
	if def.AgentID != nil {
		e.AgentID = *def.AgentID
	}
	if moved {
		e.plan(now)
	}
}

// check refuses what is no job, naming the place, and completes the rest. The
// schedule's anchor is created where it has none; a schedule without a time after
// since is refused.
func check(def *msg.CronAdd, created, since int64) (timetable, error) {
	target := map[string]string{msg.CronSystemEvent: "main", msg.CronAgentTurn: "isolated"}[def.Payload.Kind]
	p := &def.Payload
	switch {
	case strings.TrimSpace(def.Name) == "":
		return nil, invalid("name: missing")
	case target == "":
		return nil, invalid("payload.kind: must be systemEvent or agentTurn (got %.32q)", p.Kind)
	case def.SessionTarget != target:
		return nil, invalid("sessionTarget: must be %s for a payload of kind %s (got %.32q)", target, p.Kind, def.SessionTarget)
	case !slices.Contains([]string{"now", "next-heartbeat"}, def.WakeMode):
		return nil, invalid("wakeMode: must be now or next-heartbeat (got %.32q)", def.WakeMode)
	case p.Kind == msg.CronSystemEvent && strings.TrimSpace(p.Text) == "":
		return nil, invalid("payload.text: missing")
	case p.Kind == msg.CronAgentTurn && strings.TrimSpace(p.Message) == "":
		return nil, invalid("payload.message: missing")
	case len(p.Text) > maxWake:
		return nil, invalid("payload.text: %d bytes, at most %d are taken", len(p.Text), maxWake)
	case p.TimeoutSeconds < 0 || p.TimeoutSeconds > 86400:
		return nil, invalid("payload.timeoutSeconds: must be from 0 to 86400 (a day)")
	}
	if p.Kind == msg.CronAgentTurn { // an update may have left what belongs to the other kind
		p.Text = ""
	} else {
		*p = msg.CronPayload{Kind: p.Kind, Text: p.Text}
	}
	times, err := read(&def.Schedule, created)
	if err == nil && times(since) == 0 {
		err = invalid("schedule: it has no time to come, so the job would never run")
	}
	return times, err
}
