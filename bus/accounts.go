package bus

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"

	"clawdbot/bus/subject"
)

// User is one client of the bus over TCP. It may publish and subscribe to just
// its subjects and its own inbox. A granted user may also reply, once, to each
// request that reaches it, and be found as a micro service when it subscribes.
type User struct {
	Name      string   `json:"name"`     // one token
	Password  string   `json:"password"` // never empty
	Publish   []string `json:"publish"`
	Subscribe []string `json:"subscribe"`
}

// Peer is another profile's gateway on the link.
type Peer struct {
	Bus    string // its name on the bus
	Addr   string // host:port of its link listener; "" while unknown
	Secret string // the credential of this pair
}

func (p Peer) sameName(q Peer) bool { return p.Bus == q.Bus }

// Names of the users that every profile has.
const (
	UserDebug   = "debug"
	UserIngress = "ingress"

	userSvc = "svc"
	userSys = "sys"
)

// DebugUser reads all of the profile and the health of its peers, and may ask
// the micro services who they are.
func DebugUser(sp subject.Space, password string) User {
	return User{
		Name: UserDebug, Password: password, Publish: []string{"$SRV.>"},
		Subscribe: []string{sp.All(), subject.AnyHealth},
	}
}

// IngressUser hands in messages for the agent and can do nothing else.
func IngressUser(sp subject.Space, password string) User {
	return User{Name: UserIngress, Password: password, Publish: []string{sp.Ins()}}
}

// InboxPrefix is what a client that connects as the user sets as its inbox
// prefix, as in nats.CustomInboxPrefix.
func InboxPrefix(user string) string {
	if user == UserIngress {
		return "_INBOX"
	}
	return inboxPrefix(user)
}

func inboxPrefix(user string) string { return "_INBOX_" + user }

// Intervals of the link: a link that broke comes back within reconnectEvery of
// its peer; two unanswered pings of pingEvery end a half-open one.
const (
	reconnectEvery = 50 * time.Millisecond
	pingEvery      = 2 * time.Second
	maxPingsOut    = 2
)

// linkAccount is the name of the account that holds the link to a peer.
func linkAccount(peer string) string { return linkPrefix + peer }

const (
	linkPrefix     = "LINK_"
	profileAccount = "PROFILE"
)

// LinkLost is where the server tells the sys user that a connection of some
// account ended; LinkLostPeer says whether it was a link.
const LinkLost = "$SYS.ACCOUNT.*.DISCONNECT"

// LinkLostPeer returns the peer whose link ended, from the subject of the news.
func LinkLostPeer(subject string) (peer string, ok bool) {
	rest, found := strings.CutPrefix(subject, "$SYS.ACCOUNT."+linkPrefix)
	peer, end := strings.CutSuffix(rest, ".DISCONNECT")
	if !found || !end {
		return "", false
	}
	return peer, true
}

// check says what is wrong with the members of the bus called self. The NATS
// server would let in an empty password and take the last of two users.
func (m Members) check(self string) error {
	seen := map[string]bool{userSvc: true, userSys: true}
	for _, u := range m.Users {
		if err := subject.Check(u.Name); err != nil {
			return fmt.Errorf("bus: user: %w", err)
		}
		if u.Password == "" {
			return fmt.Errorf("bus: user %s has no password", u.Name)
		}
		if seen[u.Name] {
			return fmt.Errorf("bus: two users are called %s", u.Name)
		}
		seen[u.Name] = true
	}
	peers := map[string]bool{self: true}
	for _, p := range m.Peers {
		if p.Secret == "" {
			return fmt.Errorf("bus: peer %s has no secret", p.Bus)
		}
		if peers[p.Bus] {
			return fmt.Errorf("bus: two gateways are called %s", p.Bus)
		}
		peers[p.Bus] = true
	}
	return nil
}

// options renders the configuration of the NATS server for the members. Of the
// unborn peers there is only the account, which has to be there before anything
// refers to it.
func (s *Server) options(m Members, unborn []Peer) (*server.Options, error) {
	cfg := s.cfg
	if err := m.check(cfg.Subjects.Profile()); err != nil {
		return nil, err
	}
	a, err := newAccounts(cfg.Subjects, s.registered)
	if err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName: "clawdbot-" + cfg.Subjects.Profile(),
		Host:       cfg.Host, Port: pick(cfg.Port), HTTPHost: cfg.Host, HTTPPort: cfg.MonitorPort,
		NoSigs: true, SystemAccount: a.system.Name, MaxClosedClients: 1000, // of 10,000 the empty list alone takes 80 kB
		PingInterval: pingEvery, MaxPingsOut: maxPingsOut, DisableShortFirstPing: true,
		ConnectErrorReports: 1 << 20, ReconnectErrorReports: 1 << 20, // a peer that is down is no error of ours
		LeafNode: server.LeafNodeOpts{
			Host: cfg.Host, Port: pick(cfg.LinkPort), ReconnectInterval: reconnectEvery,
			Compression: server.CompressionOpts{Mode: server.CompressionOff},
		},
	}
	if cfg.NoLink {
		opts.LeafNode.Port = 0
	}
	if cfg.WebSocketPort != 0 {
		opts.Websocket = server.WebsocketOpts{Host: cfg.Host, Port: cfg.WebSocketPort, NoTLS: true}
	}
	opts.Users = a.users(m.Users, s.secrets)
	for _, p := range m.Peers {
		born := !slices.ContainsFunc(unborn, p.sameName)
		link, err := a.link(p, born)
		if err != nil {
			return nil, err
		}
		if !born {
			continue
		}
		opts.Users = append(opts.Users, &server.User{
			Username: linkUser(cfg.Subjects.Profile(), p.Bus), Password: p.Secret, Account: link,
			AllowedConnectionTypes: map[string]struct{}{jwt.ConnectionTypeLeafnode: {}},
		})
		if p.Addr != "" && cfg.Subjects.Profile() > p.Bus {
			opts.LeafNode.Remotes = append(opts.LeafNode.Remotes, &server.RemoteLeafOpts{
				LocalAccount: link.Name, Compression: opts.LeafNode.Compression,
				URLs: []*url.URL{{Scheme: "nats-leaf", Host: p.Addr, User: url.UserPassword(linkUser(p.Bus, cfg.Subjects.Profile()), p.Secret)}},
			})
		}
	}
	for _, r := range cfg.Remotes {
		remote, err := a.remote(r)
		if err != nil {
			return nil, err
		}
		opts.LeafNode.Remotes = append(opts.LeafNode.Remotes, remote)
	}
	opts.Accounts = a.all
	return opts, nil
}

// linkUser is the name a peer gives when it links to the gateway named self.
func linkUser(self, peer string) string { return linkUserPrefix + peer + "-to-" + self }

const linkUserPrefix = "link-"

func pick(port int) int {
	if port == 0 {
		return server.RANDOM_PORT
	}
	return port
}

// accounts builds the accounts of one bus and what crosses between them.
type accounts struct {
	sp              subject.Space
	profile, system *server.Account
	all             []*server.Account
	registered      func(name string) *server.Account // of the running server; nil when it has none of the name
}

func newAccounts(sp subject.Space, registered func(string) *server.Account) (*accounts, error) {
	a := &accounts{sp: sp, profile: server.NewAccount(profileAccount), system: server.NewAccount("SYS"), registered: registered}
	a.all = []*server.Account{a.profile, a.system}
	return a, offer(a.profile, sp)
}

// source is what others import from an account: the server's own one where it
// has it. While nats-server 2.15 reloads, an import from another object of the
// same name leads nowhere, and a connection that subscribes at that moment takes
// the process with it.
func (a *accounts) source(acc *server.Account) *server.Account {
	if live := a.registered(acc.Name); live != nil {
		return live
	}
	return acc
}

func (a *accounts) users(users []User, sec secrets) []*server.User {
	inProcess := map[string]struct{}{jwt.ConnectionTypeInProcess: {}}
	overTCP := map[string]struct{}{jwt.ConnectionTypeStandard: {}, jwt.ConnectionTypeWebsocket: {}}
	list := []*server.User{
		{Username: userSvc, Password: sec.svc, Account: a.profile, AllowedConnectionTypes: inProcess},
		{Username: userSys, Password: sec.sys, Account: a.system, AllowedConnectionTypes: inProcess},
	}
	for _, u := range users {
		list = append(list, &server.User{
			Username: u.Name, Password: u.Password, Account: a.profile, AllowedConnectionTypes: overTCP,
			Permissions: a.permissions(u),
		})
	}
	return list
}

// permissions are a user's own subjects and what goes with them. Of a granted
// user that listens widely, what only the gateway answers is kept back.
func (a *accounts) permissions(u User) *server.Permissions {
	p := &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: append([]string{}, u.Publish...)}, // nil would allow all
		Subscribe: &server.SubjectPermission{Allow: slices.Concat([]string{InboxPrefix(u.Name) + ".>"}, u.Subscribe)},
	}
	if u.Name == UserDebug || u.Name == UserIngress {
		p.Subscribe.Deny = []string{"> >"} // joining a queue group would take requests away from who serves them
		return p
	}
	p.Response = &server.ResponsePermission{MaxMsgs: server.DEFAULT_ALLOW_RESPONSE_MAX_MSGS, Expires: server.DEFAULT_ALLOW_RESPONSE_EXPIRATION}
	p.Subscribe.Deny = answeredByGateway(a.sp)
	if len(u.Subscribe) > 0 {
		p.Subscribe.Allow = append(p.Subscribe.Allow, "$SRV.>")
	}
	return p
}

// link adds the account of one pair: ours goes out, the peer's comes in, once it
// is born.
func (a *accounts) link(p Peer, born bool) (*server.Account, error) {
	theirs, err := subject.New(p.Bus)
	if err != nil {
		return nil, fmt.Errorf("bus: peer: %w", err)
	}
	link := server.NewAccount(linkAccount(p.Bus))
	a.all = append(a.all, link)
	if err := offer(link, theirs); err != nil {
		return nil, fmt.Errorf("bus: link from %s: %w", p.Bus, err)
	}
	if !born {
		return link, nil
	}
	if err := a.cross(a.profile, link, a.sp); err != nil {
		return nil, fmt.Errorf("bus: link to %s: %w", p.Bus, err)
	}
	if err := a.cross(link, a.profile, theirs); err != nil {
		return nil, fmt.Errorf("bus: link from %s: %w", p.Bus, err)
	}
	return link, nil
}

// offer exports what a profile publishes on health.> and answers on health.ping
// and rescue.*. Who may import it is only decided here: no account is defined
// anywhere else.
func offer(from *server.Account, sp subject.Space) error {
	if err := from.AddStreamExport(sp.HealthTree(), nil); err != nil {
		return err
	}
	for _, subj := range []string{sp.Ping(), sp.Rescues()} {
		if err := from.AddServiceExport(subj, nil); err != nil {
			return err
		}
	}
	return nil
}

// cross lets what was offered pass from one account to the other.
func (a *accounts) cross(from, to *server.Account, sp subject.Space) error {
	source := a.source(from)
	if err := to.AddStreamImport(source, sp.HealthTree(), ""); err != nil {
		return err
	}
	for _, subj := range []string{sp.Ping(), sp.Rescues()} {
		if err := to.AddServiceImport(source, subj, subj); err != nil {
			return err
		}
	}
	return nil
}
