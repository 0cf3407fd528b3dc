package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("config.json")
}

// What Load takes the schema takes, and a wrong type, word, range or pattern both refuse.
func TestSchemaAgreesWithLoad(t *testing.T) {
	s := compiled(t)
	for _, tt := range []struct {
		text string
		ok   bool
	}{
		{"{}", true},
		{`{"gateway": {"port": 19001, "bind": "loopback", "tailscale": {}}, "nonsense": 1, "channels": {"x": []}}`, true},
		{`{"browser": {"headless": true, "profiles": {"work": {"cdpPort": 19000, "color": "#00aa00"}}}}`, true},
		{`{"env": {"A": "b", "vars": {"C": "d"}}, "rescue": {"peers": ["main"]}, "agents": {"list": [{"id": "a", "model": 1}]}}`, true},
		{`{"gateway": {"port": "19001"}}`, false},
		{`{"gateway": {"port": 65536}}`, false},
		{`{"gateway": {"bind": "lam"}}`, false},
		{`{"gateway": {"reload": {"debounceMs": -1}}}`, false},
		{`{"browser": {"color": "red"}}`, false},
		{`{"browser": {"profiles": {"My Profile": {}}}}`, false},
		{`{"browser": {"headless": 1}}`, false},
		{`{"browser": {"idleTimeout": "30m", "maxTabs": 5, "allow": ["chrome:"]}}`, true},
		{`{"browser": {"idleTimeout": "a while"}}`, false},
		{`{"rescue": {"peers": ["Main"]}}`, false},
		{`{"rescue": {"peers": "main"}}`, false},
		{`{"bus": {"remotes": [{"name": "a.b"}]}}`, false},
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); (err == nil) != tt.ok {
			t.Errorf("schema: %s: %v", tt.text, err)
		}
		if _, err := Load(write(t, map[string]string{"clawdbot.json": tt.text})); (err == nil) != tt.ok {
			t.Errorf("load: %s: %v", tt.text, err)
		}
	}
}

// Every field has a key, a description and, as a number, a range; every default is one that Load takes.
func TestSchemaIsComplete(t *testing.T) {
	var walk func(s *schema, path string)
	walk = func(s *schema, path string) {
		for key, p := range s.Properties {
			if key == "" || p.Description == "" {
				t.Errorf("%s.%s has no key or no description", path, key)
			}
			walk(p, path+"."+key)
		}
		for _, inner := range []*schema{s.Items, s.Additional} {
			if inner != nil {
				walk(inner, path+"[]")
			}
		}
	}
	walk(schemaOf(reflect.ValueOf(Default()), ""), "")

	text, err := json.Marshal(plain(reflect.ValueOf(Default())))
	if err != nil {
		t.Fatal(err)
	}
	l := mustLoad(t, write(t, map[string]string{"clawdbot.json": string(text)}))
	if !reflect.DeepEqual(l.Config, Default()) || len(l.Warnings) > 0 {
		t.Errorf("%s loads as %+v, %v", text, l.Config, l.Warnings)
	}
	for _, want := range []string{`"default": "loopback"`, `"default": 300`, `WebSocket and HTTP`, `"writeOnly": true`, `"remoteCdpHandshakeTimeoutMs"`} {
		if !strings.Contains(string(Schema()), want) {
			t.Errorf("the schema lacks %s", want)
		}
	}
}

// The original's form saves nothing as long as it meets a key without a type.
func TestFormSchemaHasTypes(t *testing.T) {
	var form, all schema
	if err := errors.Join(json.Unmarshal(FormSchema(), &form), json.Unmarshal(Schema(), &all)); err != nil {
		t.Fatal(err)
	}
	var typed func(at string, s *schema)
	typed = func(at string, s *schema) {
		if s == nil {
			return
		}
		if s.Type == "" {
			t.Errorf("%s has no type", at)
		}
		for key, p := range s.Properties {
			typed(at+"/"+key, p)
		}
		typed(at+"/*", s.Additional)
		typed(at+"/-", s.Items)
	}
	typed("", &form)
	used, kept := form.Properties["gateway"].Properties, all.Properties["gateway"].Properties
	if used["port"] == nil || used["tailscale"] != nil || kept["tailscale"] == nil {
		t.Errorf("the form has %v of %v", slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(kept)))
	}
}
