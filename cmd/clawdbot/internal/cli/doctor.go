package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"clawdbot/profile"
)

func newDoctorCmd(a *app) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Find what is wrong with a profile, and put it right",
		GroupID: groupLook,
		Long: `doctor looks at everything a profile needs and explains what is wrong, with the
command that helps. With --fix it repairs what is safe to repair, and says what
it did. It exits with 1 when something is left.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDoctor(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.fix, "fix", false, "repair what is safe to repair")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the result as JSON")
	return cmd
}

type doctorOptions struct {
	fix  bool
	json bool
}

// severity tells a problem from what is only worth a word.
type severity string

const (
	problem severity = "problem"
	note    severity = "note"
)

// finding is one thing that doctor found. Fixed is what --fix did about it.
type finding struct {
	Check    string   `json:"check"`
	Severity severity `json:"severity"`
	Text     string   `json:"text"`
	Try      string   `json:"try,omitempty"`
	Fixed    string   `json:"fixed,omitempty"`

	fix func(context.Context) (string, error) // nil when only a person can decide
}

// diagnosis is doctor --json. OK says that no problem is left.
type diagnosis struct {
	Profile  string    `json:"profile"`
	OK       bool      `json:"ok"`
	Findings []finding `json:"findings"`
}

// patient is a profile and what was found out of it before the checks.
type patient struct {
	*app
	profile.Profile
	file  configFile
	now   profile.Instance // zero when it is not registered
	alive bool
	view  statusView
}

// examination is one check: its name, what is said when all is well, and the
// look itself.
type examination struct {
	name, well string
	look       func(*patient, context.Context) []finding
}

func examinations() []examination {
	return []examination{
		{"config", "it can be used", (*patient).checkConfig},
		{"files", "private to you", (*patient).checkModes},
		{"store", "its checksums are right", (*patient).checkStore},
		{"crashes", "none left its goroutines behind", (*patient).checkCrash},
		{"registry", "no stale entry", (*patient).checkRegistry},
		{"isolation", "nothing is shared with another profile", (*patient).checkIsolation},
		{"ports", "free, or the gateway's own", (*patient).checkPorts},
		{"browser", "a Chromium is there", (*patient).checkBrowser},
		{"nats", "the NATS tools find the bus", (*patient).checkContext},
		{"service", "as this version would install it", (*patient).checkService},
		{"gateway", "it answers and is well", (*patient).checkGateway},
		{"peers", "somebody starts each again when it fails", (*patient).checkPeers},
		{"incidents", "none is open", (*patient).checkIncidents},
	}
}

func (a *app) runDoctor(ctx context.Context, o doctorOptions) error {
	p, err := a.profile()
	if err != nil {
		return err
	}
	s := &patient{app: a, Profile: p}
	s.prepare(ctx)
	d := diagnosis{Profile: p.Name, OK: true, Findings: []finding{}}
	if !o.json {
		a.printf("Profile %s\n", a.pen(a.Out).bold(p.Name))
	}
	left := 0
	for _, e := range examinations() {
		found := e.look(s, ctx)
		for n := range found {
			found[n].Check = e.name
			if o.fix {
				found[n].repair(ctx)
			}
			if found[n].Severity == problem && found[n].Fixed == "" {
				left++
			}
		}
		if !o.json {
			a.printFindings(e, found)
		}
		d.Findings = append(d.Findings, found...)
	}
	if d.OK = left == 0; o.json {
		if err := a.printJSON(d); err != nil {
			return err
		}
	}
	if d.OK {
		return nil
	}
	return &exitError{exitFailed, fmt.Errorf("profile %s has %s", p.Name, count(left, "problem")), d.next(p, o.fix)}
}

// next offers --fix when it would do something.
func (d diagnosis) next(p profile.Profile, fixed bool) string {
	for _, f := range d.Findings {
		if f.fix != nil && !fixed {
			return p.Command("doctor --fix")
		}
	}
	return ""
}

func (s *patient) prepare(ctx context.Context) {
	s.now, s.alive, _ = running(s.Profile) // checkRegistry tells of an entry that cannot be read
	s.file.Loaded, s.file.err = s.Load()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	s.view = s.status(ctx, s.Profile)
}

// repairTimeout bounds one repair.
const repairTimeout = 30 * time.Second

// repair does what is safe about the finding.
func (f *finding) repair(ctx context.Context) {
	if f.fix == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	done, err := f.fix(ctx)
	if err != nil {
		f.Text += "; it could not be repaired: " + oneLine(err.Error())
		return
	}
	f.Fixed = done
}

func (a *app) printFindings(e examination, found []finding) {
	pen := a.pen(a.Out)
	name := fmt.Sprintf("%-10s ", e.name)
	if len(found) == 0 {
		a.wrapped(pen.good("✓ ")+name, pen.dim(e.well))
		return
	}
	for _, f := range found {
		switch {
		case f.Fixed != "":
			a.wrapped(pen.good("✓ ")+name, f.Text+": "+pen.good(f.Fixed))
			continue
		case f.Severity == problem:
			a.wrapped(pen.bad("✗ ")+name, f.Text)
		default:
			a.wrapped(pen.warn("! ")+name, f.Text)
		}
		if f.Try != "" {
			a.printf("%13s%s %s\n", "", pen.dim("try:"), f.Try)
		}
	}
}
