package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestDotEnvLinesThatAreNone(t *testing.T) {
	o := write(t, map[string]string{
		"clawdbot.json": `{gateway: {auth: {token: "${A}"}}}`,
		".env":          "A=0123456789abcdef0123456789abcdef\r\nnot a line\r\n\r\n  # comment\n=x\nC='two\nlines'\nB=\"unclosed\n",
	})
	l := mustLoad(t, o)
	want := ".env:2:1: not NAME=value, ignored\n.env:5:1: not NAME=value, ignored\n" +
		".env:8:1: the quote is not closed and counts as part of the value"
	if got := issueLines(l.Warnings); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	many := write(t, map[string]string{"clawdbot.json": "{}", ".env": strings.Repeat("x\n", 2*maxIssues)})
	if n := len(mustLoad(t, many).Warnings); n != maxIssues {
		t.Errorf("%d warnings", n)
	}
}

// TestDotEnvThatIsAFolder: it is one issue of the file, and does not keep the last good generation from running.
func TestDotEnvThatIsAFolder(t *testing.T) {
	o := write(t, map[string]string{"clawdbot.json": "{gateway: {port: 19001}}"})
	good := Generation{N: 3, Verdict: Good, Path: o.Path, Files: []File{{o.Path, []byte("{gateway: {port: 19002}}")}}}
	if err := os.Mkdir(o.DotEnv, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := Load(o)
	want := fmt.Sprintf(".env:1:1: cannot be read: %s is not a regular file", o.DotEnv)
	if e := new(Error); !errors.As(err, &e) || issueLines(e.Issues) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !reflect.DeepEqual(l.Config, Config{}) {
		t.Errorf("a config that cannot be used: %+v", l.Config)
	}
	if c := choose(l, err, nil, []Generation{good}, o); c.Source != FromFallback || c.Loaded.Config.Gateway.Port != 19002 || !strings.HasPrefix(c.Reason, want) {
		t.Errorf("got %+v", c)
	}
}
