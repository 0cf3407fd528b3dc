package service

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// steering are the variables that would send a gateway to other files, ports or secrets than its profile's. A user manager keeps whatever was once
// imported into it, so the unit takes them away.
var steering = []string{
	"CLAWDBOT_BRIDGE_PORT", "CLAWDBOT_BROWSER_CONTROL_TOKEN", "CLAWDBOT_BROWSER_CONTROL_URL", "CLAWDBOT_CANVAS_HOST_PORT",
	"CLAWDBOT_CONFIG_PATH", "CLAWDBOT_GATEWAY_PASSWORD", "CLAWDBOT_GATEWAY_PORT", "CLAWDBOT_GATEWAY_TOKEN", "CLAWDBOT_PROFILE",
	"CLAWDBOT_SKIP_CANVAS_HOST", "CLAWDBOT_STATE_DIR",
}

// The figures below, in order:
//
// Restarts come after 250 ms, so that a crash costs less than a second. Ten starts within a minute end in state failed: a crash loop is over
// in about four seconds, its peer sees "failed" from a second witness and may repair, and a port that is still being let go is ridden over.
// Start and Restart clear the counter, so the limit never refuses a rescue.
//
// Status 78 is a configuration only a human or a repair changes. Status 2 (usage) is not listed: a Go panic exits with it too.
//
// The watchdog's SIGABRT makes a Go program print all its goroutines, the best evidence of a hang; one too stuck for that is killed after
// 5 s. A start may take a minute because a damaged store is restored first. On a stop only the gateway gets SIGTERM and drains; what is
// left of Chromium is killed after it.
//
// OOMPolicy: a renderer that the kernel ends must not take the gateway along.
//
// Hardening stops at what is sure. NoNewPrivileges, and every sandbox option that implies it in a user manager, breaks Chromium's setuid
// sandbox; PrivateTmp hides the sockets and files that the agent's tools share with the user.
const serviceSection = `[Service]
Type=notify
NotifyAccess=main
ExecStart=%s
%sRestart=on-failure
RestartSec=250ms
RestartPreventExitStatus=78
WatchdogSec=10s
TimeoutAbortSec=5s
TimeoutStartSec=60s
TimeoutStopSec=15s
KillMode=mixed
OOMPolicy=continue
UMask=0077
LimitCORE=0
`

// renderUnit writes a systemd user unit. systemd itself starts it in the home folder.
func renderUnit(spec Spec, unit string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n# Settings of your own belong in a drop-in: systemctl --user edit %s\n\n", mark, unit)
	fmt.Fprintf(&b, "[Unit]\nDescription=%s\nStartLimitIntervalSec=60s\nStartLimitBurst=10\n\n", spec.title())

	// The colon turns the expansion of $NAME off, for the path as for the arguments.
	words := []string{systemdWord(":" + spec.Exe)}
	for _, arg := range spec.Args {
		words = append(words, systemdWord(arg))
	}
	fmt.Fprintf(&b, serviceSection, strings.Join(words, " "), unitEnvironment(spec.Env))
	b.WriteString("\n[Install]\nWantedBy=default.target\n")
	return b.String()
}

// unitEnvironment must not unset what it sets: UnsetEnvironment is applied last.
func unitEnvironment(env map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, "Environment=%s\n", systemdWord(key+"="+env[key]))
	}
	inherited := slices.DeleteFunc(slices.Clone(steering), func(key string) bool { _, set := env[key]; return set })
	fmt.Fprintf(&b, "UnsetEnvironment=%s\n", strings.Join(inherited, " "))
	return b.String()
}

// systemdWord writes text as one word of a unit file (systemd.syntax(7), systemd.unit(5) on specifiers).
func systemdWord(text string) string {
	text = strings.ReplaceAll(text, "%", "%%")
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@+=:,./%-"
