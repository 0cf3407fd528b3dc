package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/bus/subject"
)

// directory knows which methods are served, from what micro services say of
// themselves. Services are asked in rounds; one that was silent for a whole
// round is forgotten when the next but one begins.
type directory struct {
	survey string // the subject that every service answers
	prefix string // of a method's subject

	mu       sync.Mutex
	round    uint64
	services map[string]served // by the service's id
}

type served struct {
	round   uint64
	methods []string
}

func newDirectory(sp subject.Space) *directory {
	survey, err := micro.ControlSubject(micro.InfoVerb, "", "")
	if err != nil { // a constant verb of the library's
		panic(err)
	}
	return &directory{survey: survey, prefix: strings.TrimSuffix(sp.Kind("rpc"), ">"), services: map[string]served{}}
}

// begin starts a round.
func (d *directory) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.round++
	maps.DeleteFunc(d.services, func(_ string, s served) bool { return s.round+2 < d.round })
}

// hear takes one service's answer.
func (d *directory) hear(m *nats.Msg) {
	var info micro.Info
	if json.Unmarshal(m.Data, &info) != nil || info.ID == "" {
		return
	}
	var methods []string
	for _, e := range info.Endpoints {
		if method, ok := strings.CutPrefix(e.Subject, d.prefix); ok && !strings.ContainsAny(method, "*>") {
			methods = append(methods, method)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.services[info.ID] = served{round: d.round, methods: methods}
}

// forget removes a method that turned out to be served no more.
func (d *directory) forget(method string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, s := range d.services {
		s.methods = slices.DeleteFunc(slices.Clone(s.methods), func(m string) bool { return m == method })
		d.services[id] = s
	}
}

// list returns the methods that are served, sorted.
func (d *directory) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []string{}
	for _, s := range d.services {
		list = append(list, s.methods...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// label returns the method as a label of metrics: "other" for one that is not
// served, so that clients cannot make up labels.
func (d *directory) label(method string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.services {
		if slices.Contains(s.methods, method) {
			return method
		}
	}
	return "other"
}
