package agent

import (
	"context"
	"fmt"
	"time"
)

// probeID is the only record in agent/probe, while a probe runs.
const probeID = "now"

// probe does what a message needs: the store takes a record and gives it back,
// and Run, which starts the workers, takes a turn.
func (a *Agent) probe(ctx context.Context) (string, error) {
	err := a.probeStore()
	a.noteStore(err)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	select {
	case a.turn <- struct{}{}:
		return "stored a record and took a turn", nil
	case <-ctx.Done():
		return "", fmt.Errorf("the loop that starts the workers took no turn: %w", context.Cause(ctx))
	}
}

func (a *Agent) probeStore() error {
	wrote := time.Now().UnixNano()
	if err := a.probes.Put(probeID, wrote); err != nil {
		return err
	}
	read, err := a.probes.Get(probeID)
	if err != nil {
		return err
	}
	if read != wrote {
		return fmt.Errorf("gave %d back for %d", read, wrote)
	}
	return a.probes.Delete(probeID)
}
