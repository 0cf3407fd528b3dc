package cron

import (
	"context"
	"fmt"
)

// probeID is the only record in cron/probe, while a probe runs.
const probeID = "now"

// probe does what a job needs: the store takes a record and gives it back, and
// Run, which claims and starts the runs, takes a turn.
func (s *Server) probe(ctx context.Context) (string, error) {
	if err := s.note(s.probeStore()); err != nil {
		return "", err
	}
	select {
	case s.turn <- struct{}{}:
		return "stored a record and looked for due jobs", nil
	case <-ctx.Done():
		return "", fmt.Errorf("the loop that starts the jobs took no turn: %w", context.Cause(ctx))
	}
}

func (s *Server) probeStore() error {
	wrote := s.cfg.Now().UnixNano()
	if err := s.probes.Put(probeID, wrote); err != nil {
		return err
	}
	read, err := s.probes.Get(probeID)
	if err != nil {
		return err
	}
	if read != wrote {
		return fmt.Errorf("gave %d back for %d", read, wrote)
	}
	return s.probes.Delete(probeID)
}
