package config

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"clawdbot/profile/store"
)

// life is a gateway's run on a generation that has not proven itself.
type life struct {
	Generation uint64    `json:"generation"`
	Boot       string    `json:"boot"`
	Began      time.Time `json:"began"`
}

// lifeKey is the one key of the lives: a profile has one gateway.
const lifeKey = "current"

// Begin notes that the gateway begins to run generation n in the life named boot. When n is on
// probation and the life ends without End, Crashed tells the next one. A proven generation, and 0 for
// none, only end what was noted before.
func (g Generations) Begin(n uint64, boot string, now time.Time) error {
	return g.store.Update(func(tx *store.Tx) error {
		if n == 0 {
			return g.forget(tx)
		}
		begun, err := g.log.With(tx).Get(n)
		switch {
		case err != nil:
			return missing(n, err)
		case begun.Verdict != Probation:
			return g.forget(tx)
		}
		return g.lives.With(tx).Put(lifeKey, life{n, boot, now.UTC()})
	})
}

// End notes that the gateway stops in order.
func (g Generations) End() error { return g.store.Update(g.forget) }

func (g Generations) forget(tx *store.Tx) error {
	lives := g.lives.With(tx)
	if _, err := lives.Get(lifeKey); errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return lives.Delete(lifeKey)
}

// Crashed says whether the life before this one ended without End while its generation was on probation.
// That generation is bad then, if there is a good one to run instead; else it stays on
// probation, as the best there is. A second call finds nothing: a start calls it once. The life named
// earlier did not crash: it was of this process, which restarts.
func (g Generations) Crashed(now time.Time, earlier string) (crashed Generation, found bool, err error) {
	err = g.store.Update(func(tx *store.Tx) error {
		last, err := g.lives.With(tx).Get(lifeKey)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			err = g.forget(tx)
		}
		if err != nil || last.Boot == earlier {
			return err
		}
		list, err := collect(g.log.With(tx))
		i := slices.IndexFunc(list, func(g Generation) bool { return g.N == last.Generation })
		if err != nil || i < 0 || list[i].Verdict != Probation {
			return err
		}
		crashed, found = list[i], true
		list[i].Verdict, list[i].Reason = Bad, crashReason(now.Sub(last.Began))
		if _, ok := lastGood(list); !ok {
			return nil
		}
		crashed = list[i]
		return g.log.With(tx).Put(crashed.N, crashed)
	})
	return crashed, found, err
}

// crashReason tells how long a gateway lived at most; a clock that was set tells nothing.
func crashReason(lived time.Duration) string {
	if lived <= 0 || lived > time.Hour {
		return "the gateway ended without stopping while it was on probation"
	}
	return fmt.Sprintf("the gateway ended without stopping within %s of beginning to run it", lived.Round(time.Millisecond))
}
