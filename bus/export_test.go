package bus

import (
	"log/slog"

	"github.com/nats-io/nats-server/v2/server"
)

// InProcessPassword is the real password of svc or sys, which nobody learns.
func (s *Server) InProcessPassword(user string) string {
	return map[string]string{userSvc: s.secrets.svc, userSys: s.secrets.sys}[user]
}

// LinkUser is the name a peer gives to the gateway named self.
func LinkUser(self, peer string) string { return linkUser(self, peer) }

// ServerLog is the adapter that the NATS server logs to.
func ServerLog(log *slog.Logger) server.Logger { return newServerLog(log) }

const MaxInFlight = maxInFlight
