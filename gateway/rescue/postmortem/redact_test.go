package postmortem

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
	"clawdbot/profile/tape"
)

func TestRedactorHides(t *testing.T) {
	r := tape.NewRedactor([]string{"known-secret", `quo"ted-secret`, "short", ""})
	for text, want := range map[string]string{
		"x known-secret y":                  "x " + config.Redacted + " y",
		`{\"a\":\"quo\"ted-secret\"}`:       `{\"a\":\"` + config.Redacted + `\"}`,
		"a short word stays":                "a short word stays",
		"Authorization: Bearer abcdef12345": "Authorization: " + config.Redacted,
		"ws://me:pass@host:1/x":             "ws://" + config.Redacted + "@host:1/x",
		"key sk-ant-0123456789abcdef0123":   "key " + config.Redacted,
		"seed SUAMK2FG4MI6UE3ACF3FK3OIQBCEIEZV7NSWFFEW63UXMRLFM2XLAXK4GY":   "seed " + config.Redacted,
		"-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----": config.Redacted,
		"/__clawdbot__/cap/AAAABBBB/index.html":                             "/__clawdbot__/cap/" + config.Redacted + "/index.html",
		"pkg.(*Server).Run(0xc000123456, {0x1, 0x2})":                       "pkg.(*Server).Run(0xc000123456, {0x1, 0x2})",
	} {
		if got := r.RedactText(text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// FuzzRedactedReport: whatever stands in a report, it stays one, and a known secret is not in it.
func FuzzRedactedReport(f *testing.F) {
	f.Add("known-secret", "a line with known-secret in it", "token")
	f.Add("123456", `{"n":123456}`, "n")
	f.Add("000000", "2026-01-02T03:04:05Z", "at")
	f.Add("falsey", "\x00\xff://@", "")
	f.Fuzz(func(t *testing.T, secret, text, key string) {
		line := msg.LogLine{Level: "info", Msg: text + secret, Attrs: map[string]any{key: secret}}
		safe, err := tape.Safe(tape.NewRedactor([]string{secret}), Report{Made: time.Unix(1795358732, 100000000).UTC(), Finding: text, Journal: []string{secret + text}, Log: []msg.LogLine{line}})
		if err != nil {
			t.Fatal(err)
		}
		if len(secret) < 6 || !utf8.ValidString(secret) || isTime(text+secret, secret+text, text, secret) || strings.Contains(config.Redacted, secret) {
			return
		}
		for _, s := range []string{safe.Finding, safe.Journal[0], safe.Log[0].Msg, fmt.Sprint(safe.Log[0].Attrs)} {
			if strings.Contains(strings.ReplaceAll(s, config.Redacted, "\x00"), secret) {
				t.Fatalf("%q is in %q", secret, s)
			}
		}
	})
}

// isTime says whether one of the texts is a time, which stays as it is.
func isTime(texts ...string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { _, err := time.Parse(time.RFC3339, s); return err == nil })
}
