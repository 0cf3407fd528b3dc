package bridge

import "clawdbot/bus"

// serveBus puts the health and the micro service on the bus.
func (s *Server) serveBus(version string) error {
	health, err := bus.NewHealth(s.nc, s.subjects, name)
	if err != nil {
		return err
	}
	svc, err := bus.Serve(bus.ServiceConfig{
		Name: name, Version: version, Description: "nodes over TCP, one JSON object a line",
		Profile: s.subjects.Profile(), Conn: s.nc, Probe: s.probe,
	})
	s.health, s.svc = health, svc
	return err
}
