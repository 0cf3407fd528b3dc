//go:build !linux

package drill

import "clawdbot/profile/proc"

func noRoom(proc.Identity) error { return errNoMeans }

func room(proc.Identity) error { return errNoMeans }
