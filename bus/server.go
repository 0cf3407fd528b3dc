package bus

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"clawdbot/bus/subject"
)

// Config describes a bus. Subjects and Log are required.
type Config struct {
	Subjects      subject.Space
	Host          string // listen address; "" means 127.0.0.1
	Port          int    // NATS clients; 0 picks one
	LinkPort      int    // leaf link; 0 picks one
	NoLink        bool   // no listener for peers
	MonitorPort   int    // NATS monitoring; 0 means off
	WebSocketPort int    // NATS over WebSocket; 0 means off
	Members       Members
	Remotes       []Remote
	Log           *slog.Logger
}

// Members are the parts of a bus that may change while it runs.
type Members struct {
	Users []User
	Peers []Peer
}

// Server is a running bus. Its methods are safe for use by many goroutines.
type Server struct {
	cfg     Config
	ns      *server.Server
	log     *serverLog
	secrets secrets
	link    int // port of the leaf listener

	login   sync.RWMutex // held for reading while a connection of ours logs in, see Update
	members Members      // as of the last Update; guarded by login
}

// secrets are the passwords of the in-process users; they live as long as the
// process.
type secrets struct{ svc, sys string }

// readyTimeout bounds the wait for the listeners; a taken port is told at once
// and does not wait for it.
const readyTimeout = 5 * time.Second

// ErrPort says that the bus could not listen on one of its ports.
var ErrPort = errors.New("bus: cannot listen")

// Start runs a bus and returns when clients can connect. It returns ErrPort
// when a port is taken and subject.ErrToken for a bad peer or user name.
func Start(cfg Config) (*Server, error) {
	if cfg.Host == "" {
		cfg.Host = "127.0.0.1"
	}
	s := &Server{cfg: cfg, log: newServerLog(cfg.Log), secrets: secrets{svc: random(), sys: random()}}
	opts, err := s.options(cfg.Members, nil)
	if err != nil {
		return nil, err
	}
	if s.ns, err = server.NewServer(opts); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	s.ns.SetLoggerV2(s.log, false, false, false)
	s.ns.Start()
	if err := s.awaitReady(); err != nil {
		s.Close()
		return nil, err
	}
	v, err := s.ns.Varz(nil)
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("bus: %w", err)
	}
	s.link, s.members = v.LeafNode.Port, cfg.Members
	return s, nil
}

func (s *Server) awaitReady() error {
	deadline := time.After(readyTimeout)
	poll := time.NewTicker(time.Millisecond) // ReadyForConnections itself polls every 25 ms
	defer poll.Stop()
	for {
		select {
		case text := <-s.log.fatal:
			return portError(text)
		case <-deadline:
			return fmt.Errorf("bus: not ready after %s", readyTimeout)
		case <-poll.C:
			if s.ns.ReadyForConnections(100 * time.Microsecond) {
				return nil
			}
		}
	}
}

// portError turns what the server says of a port into ErrPort, the listener
// and the system's own words: "bus: cannot listen for peers: 127.0.0.1:18795:
// bind: address already in use".
func portError(text string) error {
	_, cause, found := strings.Cut(text, "listen tcp ")
	if !found {
		return fmt.Errorf("%w: %s", ErrPort, text)
	}
	who := "NATS clients"
	switch {
	case strings.Contains(text, "leafnode"):
		who = "peers"
	case strings.Contains(text, "monitor"):
		who = "NATS monitoring"
	case strings.Contains(text, "websocket"):
		who = "NATS over WebSocket"
	}
	return fmt.Errorf("%w for %s: %s", ErrPort, who, strings.Trim(cause, `"`))
}

// Dial returns an in-process connection as the svc user, which may do anything
// in the profile's account. The options win over the bus's own: a name for
// `nats server report connections`, or another way in. The caller closes it.
func (s *Server) Dial(opts ...nats.Option) (*nats.Conn, error) {
	return s.dial(userSvc, s.secrets.svc, opts...)
}

// DialSystem returns an in-process connection to the server's own events. The
// caller closes it.
func (s *Server) DialSystem() (*nats.Conn, error) { return s.dial(userSys, s.secrets.sys) }

func (s *Server) dial(user, password string, opts ...nats.Option) (*nats.Conn, error) {
	s.login.RLock()
	defer s.login.RUnlock()
	own := []nats.Option{
		nats.InProcessServer(s), nats.UserInfo(user, password), nats.Name("clawdbot " + user),
		nats.CustomInboxPrefix(inboxPrefix(user)), nats.NoReconnect(),
	}
	nc, err := nats.Connect("", append(own, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("bus: connect %s in process: %w", user, err)
	}
	return nc, nil
}

// InProcessConn returns a pipe to the bus on which nobody has logged in yet. It
// makes the Server a nats.InProcessConnProvider, which others may stand before.
func (s *Server) InProcessConn() (net.Conn, error) { return s.ns.InProcessConn() }

// ClientPort is the port that NATS clients connect to.
func (s *Server) ClientPort() int {
	addr, _ := s.ns.Addr().(*net.TCPAddr)
	if addr == nil {
		return 0
	}
	return addr.Port
}

// LinkAddr is the host:port that peers link to, or "" without a listener.
func (s *Server) LinkAddr() string {
	if s.cfg.NoLink {
		return ""
	}
	return net.JoinHostPort(s.cfg.Host, strconv.Itoa(s.link))
}

// Update changes users and peers of the running bus; the slices are the bus's
// from then on. Connections of users and peers that stay are not disturbed; the
// others end. Nothing happens when nothing changed. The package comment tells
// what a request that is under way meets.
func (s *Server) Update(m Members) error {
	s.login.Lock() // a reload refuses who is just logging in, which in process hangs until the server's write deadline
	defer s.login.Unlock()
	if reflect.DeepEqual(m, s.members) {
		return nil
	}
	old := s.members.Peers
	fresh := slices.DeleteFunc(slices.Clone(m.Peers), func(p Peer) bool { return slices.ContainsFunc(old, p.sameName) })
	if len(fresh) > 0 { // their accounts come first: see source; the service imports of a new one would not be subscribed either
		if err := s.reload(m, fresh); err != nil {
			return err
		}
	}
	if err := s.reload(m, nil); err != nil {
		return err
	}
	for _, p := range old {
		if !slices.ContainsFunc(m.Peers, func(q Peer) bool { return q.sameName(p) && q.Secret == p.Secret }) {
			if err := s.unlink(p.Bus); err != nil {
				return err
			}
		}
	}
	s.members = m
	return nil
}

func (s *Server) reload(m Members, unborn []Peer) error {
	opts, err := s.options(m, unborn)
	if err != nil {
		return err
	}
	if err := s.ns.ReloadOptions(opts); err != nil {
		return fmt.Errorf("bus: reload: %w", err)
	}
	return nil
}

// registered is the server's account of the name, or nil.
func (s *Server) registered(name string) *server.Account {
	if s.ns == nil { // it is being started
		return nil
	}
	acc, err := s.ns.LookupAccount(name)
	if err != nil {
		return nil
	}
	return acc
}

// unlink ends what is left of the link to a peer: nats-server 2.15 looks over
// its clients after a reload, and not the leaf connections that it accepted.
func (s *Server) unlink(peer string) error {
	links, err := s.ns.Leafz(&server.LeafzOptions{Account: linkAccount(peer)})
	if err != nil {
		return fmt.Errorf("bus: unlink %s: %w", peer, err)
	}
	for _, l := range links.Leafs {
		_ = s.ns.DisconnectClientByID(l.ID) // fails when it has just ended by itself
	}
	return nil
}

// Stats are the figures of a running bus.
type Stats struct {
	Clients  int   `json:"clients"`
	Links    int   `json:"links"`
	InMsgs   int64 `json:"inMsgs"`
	OutMsgs  int64 `json:"outMsgs"`
	InBytes  int64 `json:"inBytes"`
	OutBytes int64 `json:"outBytes"`
	Slow     int64 `json:"slowConsumers"`
}

// Stats returns the server's figures now.
func (s *Server) Stats() (Stats, error) {
	v, err := s.ns.Varz(nil)
	if err != nil {
		return Stats{}, fmt.Errorf("bus: %w", err)
	}
	return Stats{
		Clients: v.Connections, Links: v.Leafs, InMsgs: v.InMsgs, OutMsgs: v.OutMsgs,
		InBytes: v.InBytes, OutBytes: v.OutBytes, Slow: v.SlowConsumers,
	}, nil
}

// Served says whether a message on the subject would reach anybody but the
// connection with the id except (nats.Conn.GetClientID). When it cannot tell, as
// with remotes, it says yes. It looks at every subscription of the profile.
func (s *Server) Served(subj string, except uint64) bool {
	if len(s.cfg.Remotes) > 0 {
		return true
	}
	// Account.Interest stops counting at the first match that is not in its cache.
	all, err := s.ns.Subsz(&server.SubszOptions{Subscriptions: true, Account: profileAccount, Test: subj})
	return err != nil || slices.ContainsFunc(all.Subs, func(d server.SubDetail) bool { return d.Cid != except })
}

// Close ends the bus and every connection to it, and waits.
func (s *Server) Close() {
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program rather
	return hex.EncodeToString(b)
}
