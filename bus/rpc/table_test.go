package rpc

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write docs/rpc.md and docs/rpc.schema.json")

// example is params that a shape takes: all its keys, each with a value.
func example(s *shape) []byte {
	body, err := json.Marshal(exampleOf(s, &rules{}, 0))
	if err != nil {
		panic(err)
	}
	return body
}

func exampleOf(s *shape, r *rules, depth int) any {
	switch s.form {
	case object:
		out := map[string]any{}
		for _, f := range s.fields {
			if f.required || depth < 4 {
				out[f.name] = exampleOf(f.shape, &f.rules, depth+1)
			}
		}
		return out
	case table:
		return map[string]any{"a": exampleOf(s.elem, &rules{}, depth+1)}
	case list:
		n := 1
		if r.min != nil {
			n = max(n, int(*r.min))
		}
		return slices.Repeat([]any{exampleOf(s.elem, &rules{enum: r.enum}, depth+1)}, n)
	case text:
		if r.enum != nil {
			return r.enum[0]
		}
		n := 1
		if r.min != nil {
			n = max(n, int(*r.min))
		}
		return strings.Repeat("x", n)
	case whole, number:
		if r.min != nil {
			return *r.min
		}
		return min(1, *cmpOr(r.max, 1))
	case truth:
		return true
	case custom:
		body, err := json.Marshal(reflect.New(s.typ).Elem().Interface())
		if err != nil {
			panic(err)
		}
		return json.RawMessage(body)
	}
	return map[string]any{"any": 1}
}

func cmpOr(n *int64, otherwise int64) *int64 {
	if n == nil {
		return &otherwise
	}
	return n
}

func TestTableIsInOrder(t *testing.T) {
	scopes := []string{Admin, Read, Write, Pairing, Approvals, Node}
	sentence := regexp.MustCompile(`^[A-Z].*\.$`)
	for i, m := range Methods() {
		if i > 0 && Methods()[i-1].Name >= m.Name {
			t.Errorf("%s is there twice", m.Name)
		}
		if !slices.Contains(scopes, m.Scope) {
			t.Errorf("%s: no scope %q", m.Name, m.Scope)
		}
		if !sentence.MatchString(m.Doc) {
			t.Errorf("%s: %q is no sentence", m.Name, m.Doc)
		}
		if _, ok := Find(m.Then); m.Then != "" && !ok {
			t.Errorf("%s: then %s, which is no method", m.Name, m.Then)
		}
		if f := shapeOf(m.Params).form; f != object {
			t.Errorf("%s: params must be a struct", m.Name)
		}
		smallEnough(t, m.Name, m.Params, map[reflect.Type]bool{})
		if params := example(shapeOf(m.Params)); m.Check(params) != nil {
			t.Errorf("%s: %s: %v", m.Name, params, m.Check(params))
		}
	}
	for i, e := range Events() {
		if i > 0 && Events()[i-1].Name >= e.Name {
			t.Errorf("event %s is there twice", e.Name)
		}
		if e.Scope != Anyone && !slices.Contains(scopes, e.Scope) || !sentence.MatchString(e.Doc) {
			t.Errorf("event %s: scope %q, doc %q", e.Name, e.Scope, e.Doc)
		}
		if got := EventScope(e.Name); got != e.Scope {
			t.Errorf("event %s needs %s", e.Name, got)
		}
	}
}

// smallEnough holds structs to the 64 keys that a check can tell apart.
func smallEnough(t *testing.T, method string, typ reflect.Type, seen map[reflect.Type]bool) {
	t.Helper()
	s := shapeOf(typ)
	for s.form == list || s.form == table {
		s = s.elem
	}
	if s.form != object || seen[s.typ] {
		return
	}
	seen[s.typ] = true
	if len(s.fields) > 64 {
		t.Errorf("%s: %s has %d keys", method, s.typ, len(s.fields))
	}
	for _, f := range s.fields {
		smallEnough(t, method, f.shape.typ, seen)
	}
}

// TestScopes holds the original's scopes, and our own beside them.
func TestScopes(t *testing.T) {
	for scope, methods := range map[string]string{
		Read: "health logs.tail channels.status status usage.status usage.cost models.list agents.list agent.identity.get skills.status " +
			"voicewake.get sessions.list sessions.preview cron.list cron.status cron.runs system-presence last-heartbeat node.list node.describe chat.history " +
			"peers.list incidents.list incidents.show rescue.status component.list record.stats events.since ports.list profiles.list rpc.schema",
		Write: "send agent agent.wait wake talk.mode tts.status tts.providers tts.enable tts.disable tts.convert tts.setProvider voicewake.set " +
			"node.invoke chat.send chat.abort canvas.url canvas.status",
		Pairing: "node.pair.request node.pair.list node.pair.approve node.pair.reject node.pair.verify device.pair.list device.pair.approve " +
			"device.pair.reject device.token.rotate device.token.revoke node.rename",
		Approvals: "exec.approval.request exec.approval.resolve",
		Node:      "node.invoke.result node.event skills.bins",
		Admin: "channels.logout config.get config.set config.apply config.patch config.schema config.plan exec.approvals.get exec.approvals.set " +
			"exec.approvals.node.get exec.approvals.node.set wizard.start wizard.next wizard.cancel wizard.status skills.install skills.update update.run " +
			"sessions.patch sessions.reset sessions.delete sessions.compact set-heartbeats cron.add cron.update cron.remove cron.run system-event " +
			"generations.list generations.show generations.rollback record.show record.export rescue.repair rescue.hold rescue.resume rescue.directive " +
			"component.restart maintenance state.ls state.get bus.grant bus.users canvas.other nobody.knows",
	} {
		for _, m := range strings.Fields(methods) {
			if got := ScopeOf(m); got != scope {
				t.Errorf("%s needs %q, want %q", m, got, scope)
			}
		}
	}
	for event, want := range map[string]string{
		"tick": Anyone, "presence": Anyone, "health": Anyone, "shutdown": Anyone, "incident": Read, "chat": Read, "agent": Read, "own.event": Read,
		"node.pair.requested": Pairing, "device.pair.resolved": Pairing, "exec.approval.requested": Approvals,
	} {
		if got := EventScope(event); got != want {
			t.Errorf("event %s needs %q, want %q", event, got, want)
		}
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		scopes string
		need   string
		want   bool
	}{
		{"", Anyone, true}, {"", Read, false}, {Admin, Node, false}, {Admin, Approvals, true}, {Write, Read, true}, {Read, Write, false},
		{Pairing + " " + Read, Pairing, true}, {Pairing, Read, false}, {Approvals, Admin, false},
	} {
		if got := Holds(strings.Fields(c.scopes), c.need); got != c.want {
			t.Errorf("%q holds %q: %t", c.scopes, c.need, got)
		}
	}
}

type headers map[string]string

func (h headers) Get(key string) string { return h[key] }

func TestScopesOfARequest(t *testing.T) {
	for _, c := range []struct {
		header headers
		want   string
	}{
		{headers{}, Admin}, // a service on the bus
		{headers{HeaderRole: "operator", HeaderScopes: Read + "," + Pairing}, Read + " " + Pairing},
		{headers{HeaderRole: "node"}, ""},
	} {
		if got := strings.Join(Scopes(c.header), " "); got != c.want {
			t.Errorf("%v has %q, want %q", c.header, got, c.want)
		}
	}
}

func TestEveryPartOfTheSchemaHolds(t *testing.T) {
	const at = "https://clawdbot.test/rpc.schema.json"
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(at, doc); err != nil {
		t.Fatal(err)
	}
	compiled := func(pointer string) *jsonschema.Schema {
		t.Helper()
		s, err := c.Compile(at + "#/" + pointer)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, m := range Methods() {
		params := compiled("methods/" + m.Name + "/params")
		compiled("methods/" + m.Name + "/result")
		good, err := jsonschema.UnmarshalJSON(bytes.NewReader(example(shapeOf(m.Params))))
		if err != nil {
			t.Fatal(err)
		}
		if err := params.Validate(good); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		for _, bad := range []any{[]any{}, "x", map[string]any{"no such key": 1.0}} {
			if params.Validate(bad) == nil {
				t.Errorf("%s takes %v", m.Name, bad)
			}
		}
	}
	for _, e := range Events() {
		compiled("events/" + e.Name + "/payload")
	}
}

func TestDocs(t *testing.T) {
	var indented bytes.Buffer
	if err := json.Indent(&indented, Schema(), "", "  "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	for path, want := range map[string][]byte{"../../docs/rpc.schema.json": indented.Bytes(), "../../docs/rpc.md": page()} {
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the table says (%v); write it with: go test ./bus/rpc -run Docs -update", path, err)
		}
	}
}

// page is docs/rpc.md.
func page() []byte {
	var b bytes.Buffer
	b.WriteString("# Methods and events\n\n" +
		"Made from the table in `bus/rpc`; the JSON Schema of all of it is [rpc.schema.json](rpc.schema.json), and the method `rpc.schema` answers with it.\n" +
		"Params are checked strictly: an unknown or repeated key, a wrong type, a missing key is refused with `INVALID_REQUEST`, which names the JSON pointer.\n" +
		"`operator.admin` holds every scope, `operator.write` holds `operator.read`. On the bus the method *m* of the profile *p* is the subject `clawdbot.p.rpc.m`.\n\n## Methods\n")
	for _, m := range Methods() {
		fmt.Fprintf(&b, "\n### %s\n\n%s Scope `%s`.", m.Name, m.Doc, m.Scope)
		if m.Then != "" {
			fmt.Fprintf(&b, " A second response on the same id follows, with the answer of `%s`.", m.Then)
		}
		b.WriteString("\n")
		if s := shapeOf(m.Params); len(s.fields) > 0 {
			b.WriteString("\n| param | | |\n|---|---|---|\n")
			for _, f := range s.fields {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.name, kindOf(f), strings.ReplaceAll(f.doc, "|", "\\|"))
			}
		}
		if s := shapeOf(m.Result); len(s.fields) > 0 {
			fmt.Fprintf(&b, "\nAnswers with `%s`.\n", strings.Join(s.names(), "`, `"))
		}
	}
	b.WriteString("\n## Events\n\n| event | scope | | payload |\n|---|---|---|---|\n")
	for _, e := range Events() {
		scope := "-"
		if e.Scope != Anyone {
			scope = "`" + e.Scope + "`"
		}
		keys := ""
		if names := shapeOf(e.Payload).names(); len(names) > 0 {
			keys = "`" + strings.Join(names, "` `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Name, scope, e.Doc, keys)
	}
	return b.Bytes()
}

// kindOf is the type of a param with its rules.
func kindOf(f *field) string {
	words := strings.TrimPrefix(strings.TrimPrefix(f.shape.wants(), "an "), "a ")
	if f.enum != nil {
		words = "`" + strings.Join(f.enum, "` `") + "`"
	}
	if f.required {
		words += ", required"
	}
	if f.min != nil || f.max != nil {
		unit := map[form]string{text: "bytes", list: "elements"}[f.shape.form]
		_, limits, _ := strings.Cut(f.limits(unit), "must ")
		words += ", " + strings.TrimPrefix(strings.TrimPrefix(limits, "be "), "have ")
	}
	return words
}
