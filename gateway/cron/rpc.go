package cron

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
)

// maxJobs bounds how many jobs there are.
const maxJobs = 1000

// pastGrace is by how much, in milliseconds, a client's clock may be behind when
// it asks for a run at once.
const pastGrace = int64(time.Minute / time.Millisecond)

func (s *Server) status(context.Context, *bus.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := msg.CronStatus{Enabled: true, StorePath: s.cfg.StorePath, Jobs: len(s.entries)}
	var next int64
	for _, e := range s.entries {
		next = earliest(next, e.State.NextRunAtMs)
	}
	if next != 0 {
		st.NextWakeAtMs = &next
	}
	return st, nil
}

func (s *Server) list(_ context.Context, req *bus.Request) (any, error) {
	var q msg.CronList
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := msg.CronJobs{Jobs: []msg.CronJob{}}
	for _, id := range s.sorted() {
		if e := s.entries[id]; e.Enabled || q.IncludeDisabled {
			jobs.Jobs = append(jobs.Jobs, e.CronJob)
		}
	}
	return jobs, nil
}

// defaultHistory is how many runs cron.runs gives when it is not told.
const defaultHistory = 200

func (s *Server) history(_ context.Context, req *bus.Request) (any, error) {
	q := msg.CronRuns{Limit: defaultHistory}
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	id, err := named(q.ID, q.JobID)
	if err != nil {
		return nil, err
	}
	if q.Limit < 1 {
		return nil, invalid("limit: must be at least 1")
	}
	h := msg.CronHistory{Entries: []msg.CronEvent{}}
	for r, err := range s.runs.From(0) {
		if err != nil {
			return nil, err
		}
		if r.Value.JobID == id {
			h.Entries = append(h.Entries, r.Value)
		}
	}
	h.Entries = h.Entries[max(len(h.Entries)-q.Limit, 0):]
	return h, nil
}

func (s *Server) add(_ context.Context, req *bus.Request) (any, error) {
	var def msg.CronAdd
	if err := req.Decode(&def); err != nil {
		return nil, err
	}
	now := s.cfg.Now().UnixMilli()
	times, err := check(&def, now, now-pastGrace)
	if err != nil {
		return nil, err
	}
	e := &entry{times: times}
	e.ID, e.CreatedAtMs = strings.ToLower(rand.Text()), now
	e.define(def, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entries) >= maxJobs {
		return nil, bus.Errorf(bus.CodeUnavailable, "there are %d jobs, no more are taken: remove some with cron.remove", maxJobs)
	}
	s.entries[e.ID] = e
	if err := s.store(e.job); err != nil {
		delete(s.entries, e.ID)
		return nil, err
	}
	s.changed(e, "added")
	return e.CronJob, nil
}

func (s *Server) update(_ context.Context, req *bus.Request) (any, error) {
	var q msg.CronUpdate
	var raw struct {
		Patch json.RawMessage `json:"patch"`
	}
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	if err := req.Decode(&raw); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(q.ID, q.JobID)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now().UnixMilli()
	def := e.definition()
	var since int64 // a time that has passed is refused only when it is new
	if q.Patch.Schedule != nil {
		def.Schedule, since = msg.CronSchedule{}, now-pastGrace
	}
	if err := (&bus.Request{Data: raw.Patch}).Decode(&def); err != nil {
		return nil, err
	}
	changed := *e
	if changed.times, err = check(&def, e.CreatedAtMs, since); err != nil {
		return nil, err
	}
	changed.define(def, now)
	if err := s.store(changed.job); err != nil {
		return nil, err
	}
	*e = changed
	s.changed(e, "updated")
	return e.CronJob, nil
}

func (s *Server) remove(_ context.Context, req *bus.Request) (any, error) {
	var q msg.CronRemove
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	id, err := named(q.ID, q.JobID)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[id]
	if e == nil {
		return msg.CronRemoved{OK: true}, nil
	}
	delete(s.entries, id)
	if err := s.store(e.job); err != nil {
		s.entries[id] = e
		return nil, err
	}
	s.publish(msg.CronEvent{JobID: id, Action: "removed"})
	s.signal()
	return msg.CronRemoved{OK: true, Removed: true}, nil
}

func (s *Server) run(_ context.Context, req *bus.Request) (any, error) {
	var q msg.CronRun
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(q.ID, q.JobID)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now().UnixMilli()
	due := now
	switch next := e.State.NextRunAtMs; {
	case e.Claim != nil:
		return msg.CronRan{OK: true, Reason: "already-running"}, nil
	case q.Mode == "due" && (next == 0 || next > now):
		return msg.CronRan{OK: true, Reason: "not-due"}, nil
	case next != 0 && next <= now:
		due = next
	}
	if err := s.claim(e, due, now); err != nil {
		return nil, err
	}
	s.signal()
	return msg.CronRan{OK: true, Ran: true}, nil
}

// changed tells clients and Run of a job.
func (s *Server) changed(e *entry, action string) {
	s.publish(msg.CronEvent{JobID: e.ID, Action: action, NextRunAtMs: e.State.NextRunAtMs})
	s.signal()
}

// find returns the job that a request names. s.mu is held.
func (s *Server) find(id, jobID string) (*entry, error) {
	id, err := named(id, jobID)
	if err != nil {
		return nil, err
	}
	e := s.entries[id]
	if e == nil {
		return nil, invalid("unknown job id: %.128s", id)
	}
	return e, nil
}

// named is the id of a request that has two keys for it.
func named(id, jobID string) (string, error) {
	if id == "" {
		id = jobID
	}
	if id == "" {
		return "", invalid("id: missing")
	}
	return id, nil
}
