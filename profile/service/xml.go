package service

import (
	"errors"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

// renderPlist writes a launchd agent. ProcessType Interactive keeps launchd from throttling the health beats; Umask is decimal, 077.
func renderPlist(spec Spec, label string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
`)
	fmt.Fprintf(&b, "<!-- %s -->\n<plist version=\"1.0\">\n<dict>\n", mark)
	fmt.Fprintf(&b, "\t<key>Label</key>\n\t<string>%s</string>\n\t<key>ProgramArguments</key>\n\t<array>\n", xmlText(label))
	for _, word := range append([]string{spec.Exe}, spec.Args...) {
		fmt.Fprintf(&b, "\t\t<string>%s</string>\n", xmlText(word))
	}
	b.WriteString("\t</array>\n")
	if len(spec.Env) > 0 {
		b.WriteString("\t<key>EnvironmentVariables</key>\n\t<dict>\n")
		for _, key := range slices.Sorted(maps.Keys(spec.Env)) {
			fmt.Fprintf(&b, "\t\t<key>%s</key>\n\t\t<string>%s</string>\n", xmlText(key), xmlText(spec.Env[key]))
		}
		b.WriteString("\t</dict>\n")
	}
	fmt.Fprintf(&b, plistSettings, xmlText(spec.Home), xmlText(spec.LogDir+"/service.out.log"), xmlText(spec.LogDir+"/service.err.log"))
	return b.String()
}

const plistSettings = `	<key>WorkingDirectory</key>
	<string>%s</string>
	<key>StandardOutPath</key>
	<string>%s</string>
	<key>StandardErrorPath</key>
	<string>%s</string>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<dict>
		<key>SuccessfulExit</key>
		<false/>
	</dict>
	<key>ThrottleInterval</key>
	<integer>5</integer>
	<key>ExitTimeOut</key>
	<integer>15</integer>
	<key>ProcessType</key>
	<string>Interactive</string>
	<key>Umask</key>
	<integer>63</integer>
</dict>
</plist>
`

// renderTask writes a Windows task that starts when user (DOMAIN\name) logs on. A minute is the shortest restart interval there is.
// The file is plain ASCII without a declared encoding, which schtasks reads in any code page.
func renderTask(spec Spec, user string) (string, error) {
	if len(spec.Env) > 0 {
		return "", errors.New("service unit: a Windows task sets no environment variables; use --profile instead of CLAWDBOT_STATE_DIR and CLAWDBOT_CONFIG_PATH")
	}
	args := make([]string, len(spec.Args))
	for i, arg := range spec.Args {
		args[i] = windowsWord(arg)
	}
	user = xmlText(user)
	return fmt.Sprintf(task, mark, xmlText(spec.title()), user, user, xmlText(windowsWord(spec.Exe)), xmlText(strings.Join(args, " ")), xmlText(spec.Home)), nil
}

const task = `<?xml version="1.0"?>
<!-- %s -->
<Task version="1.3" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>%s</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <UserId>%s</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>%s</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>999</Count>
    </RestartOnFailure>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>%s</Command>
      <Arguments>%s</Arguments>
      <WorkingDirectory>%s</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
`

// xmlText escapes text for an element, in ASCII.
func xmlText(text string) string {
	var b strings.Builder
	for _, r := range html.EscapeString(text) {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "&#x%X;", r)
		}
	}
	return b.String()
}

// windowsWord quotes one argument as CommandLineToArgvW splits it: backslashes count double before a quote, and only there.
func windowsWord(text string) string {
	if text != "" && !strings.ContainsAny(text, " \"") {
		return text
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for _, r := range text {
		switch r {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1))
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteRune(r)
	}
	return b.String() + strings.Repeat(`\`, slashes) + `"`
}
