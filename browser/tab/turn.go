package tab

import "context"

// turn is a lock that nobody waits for beyond a deadline of their own: what is
// done in a turn takes as long as the page lets it.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// take waits for the turn; done ends it.
func (t turn) take(ctx context.Context) (done func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
