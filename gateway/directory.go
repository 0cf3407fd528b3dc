package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/bus/subject"
)

// directory knows which methods are served, from what micro services say of
// themselves. They are asked in rounds, and an answer comes to the inbox of its
// round, however late: one that was asked for before a method turned out to be
// served no more does not bring it back.
type directory struct {
	survey string // the subject that every service answers
	inbox  string // where they answer, followed by the round
	prefix string // of a method's subject

	changed chan struct{} // holds a token while a change of list is not yet published
	names   atomic.Pointer[[]string]

	mu        sync.Mutex
	round     uint64
	services  map[string]served // by the service's id
	forgotten map[string]uint64 // the round in which a method was, until a later one's answer has it
}

type served struct {
	round   uint64    // of the newest answer
	owes    time.Time // since when it has answered nothing; zero when it has
	methods []string
}

// silentFor is how long a service may owe an answer before it is forgotten.
const silentFor = 5 * time.Second

func newDirectory(sp subject.Space, inbox string) *directory {
	survey, err := micro.ControlSubject(micro.InfoVerb, "", "")
	if err != nil { // a constant verb of the library's
		panic(err)
	}
	d := &directory{
		changed: make(chan struct{}, 1),
		survey:  survey, inbox: inbox + ".", prefix: strings.TrimSuffix(sp.Kind("rpc"), ">"),
		services: map[string]served{}, forgotten: map[string]uint64{},
	}
	d.names.Store(&[]string{})
	return d
}

// update makes the list anew. It runs under the lock.
func (d *directory) update() {
	list := []string{}
	for s := range maps.Values(d.services) {
		list = append(list, s.methods...)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if slices.Equal(list, *d.names.Load()) {
		return
	}
	d.names.Store(&list)
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// begin starts a round and returns its inbox. A service that owes an answer for
// too long is forgotten; how many rounds there were meanwhile does not matter,
// for clients can begin some.
func (d *directory) begin(now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.update()
	d.round++
	for id, s := range d.services {
		switch {
		case s.owes.IsZero():
			s.owes = now
			d.services[id] = s
		case now.Sub(s.owes) > silentFor:
			delete(d.services, id)
		}
	}
	return d.inbox + strconv.FormatUint(d.round, 10)
}

// hear takes one service's answer.
func (d *directory) hear(m *nats.Msg) {
	round, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, d.inbox), 10, 64)
	var info micro.Info
	if err != nil || json.Unmarshal(m.Data, &info) != nil || info.ID == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.update()
	s := d.services[info.ID]
	s.owes = time.Time{}
	if round >= s.round {
		s.round, s.methods = round, d.methods(info, round)
	}
	d.services[info.ID] = s
}

// methods are those that the answer of the round has. It runs under the lock.
func (d *directory) methods(info micro.Info, round uint64) []string {
	var list []string
	for _, e := range info.Endpoints {
		method, ok := strings.CutPrefix(e.Subject, d.prefix)
		if !ok || strings.ContainsAny(method, "*>") {
			continue
		}
		if gone, ok := d.forgotten[method]; ok && round <= gone {
			continue
		}
		delete(d.forgotten, method)
		list = append(list, method)
	}
	return list
}

// forget removes a method that turned out to be served no more.
func (d *directory) forget(method string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.update()
	for id, s := range d.services {
		if slices.Contains(s.methods, method) { // clients cannot make us remember names of their own
			d.forgotten[method] = d.round
			s.methods = slices.DeleteFunc(slices.Clone(s.methods), func(m string) bool { return m == method })
			d.services[id] = s
		}
	}
}

// list returns the methods that are served, sorted. It is not to be changed.
func (d *directory) list() []string { return *d.names.Load() }

// label returns the method as a label of metrics: "other" for one that is not
// served, so that clients cannot make up labels.
func (d *directory) label(method string) string {
	if _, served := slices.BinarySearch(d.list(), method); served {
		return method
	}
	return "other"
}
