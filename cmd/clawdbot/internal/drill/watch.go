package drill

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile"
)

// connect joins a profile's bus as one of its standing users. The gateway may
// come and go: the connection follows it, and refuses what is sent meanwhile.
func (s *scratch) connect(p profile.Profile, user string) (*nats.Conn, error) {
	key, err := profile.Secret(p.BusKey(user))
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", s.ports[p.Name].Bus),
		nats.Name("clawdbot drill"), nats.UserInfo(user, key), nats.CustomInboxPrefix(bus.InboxPrefix(user)),
		nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(5*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort(), nats.Timeout(time.Second),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // a gateway that is not there is no news here
	)
	if err != nil {
		return nil, fmt.Errorf("bus of %s: %w", p.Name, err)
	}
	return nc, nil
}

// observer puts into the ledger what one gateway says.
type observer struct {
	*ledger
	nc       *nats.Conn
	subjects subject.Space
}

// observe listens to both gateways until the returned function is called.
func (l *ledger) observe(s *scratch) (stop func(), err error) {
	var opened []*nats.Conn
	stop = func() {
		for _, nc := range opened {
			nc.Close()
		}
	}
	for _, p := range []profile.Profile{s.main, s.rescue} {
		nc, err := s.connect(p, bus.UserDebug)
		if err != nil {
			stop()
			return nil, err
		}
		opened = append(opened, nc)
		if err := (observer{l, nc, p.Subjects()}).subscribe(); err != nil {
			stop()
			return nil, fmt.Errorf("listen to %s: %w", p.Name, err)
		}
	}
	return stop, nil
}

func (o observer) subscribe() error {
	incidents, err := o.subjects.Event("incident")
	if err != nil {
		return err
	}
	var errs []error
	for subj, hear := range map[string]nats.MsgHandler{
		o.subjects.Peers(): o.hearPeer, incidents: o.hearIncident, o.subjects.Beat(): o.hearBeat,
	} {
		_, err := o.nc.Subscribe(subj, hear)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (o observer) hearPeer(m *nats.Msg) {
	var p msg.Peer
	if json.Unmarshal(m.Data, &p) == nil {
		o.addSign(sign{at: time.Now(), observer: o.subjects.Profile(), peer: p.Profile, verdict: p.Verdict, reason: p.Reason})
	}
}

func (o observer) hearIncident(m *nats.Msg) {
	var i msg.Incident
	if json.Unmarshal(m.Data, &i) == nil && i.ID != "" {
		o.addSign(sign{at: time.Now(), observer: o.subjects.Profile(), peer: i.Peer, incident: i})
	}
}

func (o observer) hearBeat(m *nats.Msg) {
	var b msg.Beat
	if json.Unmarshal(m.Data, &b) == nil && b.Profile == nameMain {
		o.addBeat(b)
	}
}
