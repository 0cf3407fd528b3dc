package postmortem

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

// section is a part of the page, with its word in the list of contents.
type section struct {
	id    string
	word  string
	title string
	write func(*sheet, Report)
}

func sections() []section {
	return []section{
		{"incidents", "Incidents", "Incidents", (*sheet).incidents},
		{"config", "Config", "Config", (*sheet).config},
		{"generations", "Generations", "Generations", (*sheet).generations},
		{"service", "Service", "Service", (*sheet).service},
		{"ports", "Ports", "Ports", (*sheet).ports},
		{"host", "Host", "Host and versions", (*sheet).host},
		{"store", "Store", "Store", (*sheet).store},
		{"log", "Log", "Log", (*sheet).log},
		{"beats", "Beats", "Last beats, the newest first", (*sheet).beats},
		{"traffic", "Traffic", "Last traffic, the newest first", (*sheet).traffic},
		{"goroutines", "Goroutines", "Goroutines", (*sheet).goroutines},
		{"missing", "Missing", "Missing", (*sheet).missing},
	}
}

func (p *sheet) head(r Report) {
	sum := sha256.Sum256([]byte(pageStyle))
	p.put(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-%v'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Post-mortem of %v, %v</title>
<style>%v</style>
</head>
<body>
<header>
<h1>Post-mortem of %[2]v</h1>
`, base64.StdEncoding.EncodeToString(sum[:]), r.Profile, date(r.Made), markup(pageStyle))
	state := markup(`<span class="badge bad">its process does not run</span>`)
	if r.Alive {
		state = `<span class="badge good">its process runs</span>`
	}
	p.put("<p>%v <span class=\"soft\">made by %v at %v</span></p>\n<p class=\"finding\">%v</p>\n<nav>\n", state, r.Own, date(r.Made), r.Finding)
	for _, s := range sections() {
		p.put(`<a href="#%v">%v</a>`, s.id, s.word)
	}
	p.put("\n</nav>\n</header>\n<main>\n")
}

func (p *sheet) incidents(r Report) {
	for _, i := range r.Incidents {
		p.incident(i)
	}
	if len(r.Incidents) == 0 {
		p.empty("%v has none of %v on record.", r.Own, r.Profile)
	}
	if len(r.Seen) > 0 {
		p.put("<details><summary>What %v saw of others (%v)</summary>", r.Profile, len(r.Seen))
		for _, i := range r.Seen {
			p.incident(i)
		}
		p.put("</details>\n")
	}
}

func (p *sheet) incident(i msg.Incident) {
	p.put("<h3><span class=\"badge %v\">%v</span> %v <span class=\"soft\">%v</span></h3>\n<p>%v</p>\n<dl>\n",
		either(i.State == msg.IncidentResolved, "good", "bad"), i.State, i.Kind, i.ID, i.Summary)
	p.term("began", "%v", date(millis(i.Began)))
	p.term("seen by", "%v, verdict %v", i.Observer, i.Verdict)
	p.term("detected in", "%v", took(i.DetectMs))
	p.term("recovered in", "%v", took(i.RecoverMs))
	if i.Exit != nil {
		p.term("exit", "%v", exit(*i.Exit))
	}
	if i.Result != "" {
		p.term("result", "%v", i.Result)
	}
	p.put("</dl>\n")
	if len(i.Witnesses) > 0 {
		p.put("<details><summary>Witnesses (%v)</summary><dl>", len(i.Witnesses))
		for _, w := range i.Witnesses {
			p.put("<dt>%v</dt><dd>%v</dd>", w.Name, w.Said)
		}
		p.put("</dl></details>\n")
	}
	if len(i.Timeline) > 0 {
		p.put(`<ol class="line">`)
		for _, m := range i.Timeline {
			p.put("<li><time>%v</time>%v</li>", clock(millis(m.At)), m.What)
		}
		p.put("</ol>\n")
	}
	if len(i.Actions) > 0 {
		p.put(`<details open><summary>Actions (%v)</summary><ol class="line">`, len(i.Actions))
		for _, a := range i.Actions {
			p.put(`<li><time>%v</time><b>%v</b>%v: %v → %v <span class="soft">by %v, %v</span></li>`,
				clock(millis(a.At)), a.What, either(a.DryRun, " (not done)", ""), a.Why, a.Result, a.By, took(a.TookMs))
		}
		p.put("</ol></details>\n")
	}
}

func (p *sheet) config(r Report) {
	c := r.Config
	if c == nil {
		p.empty("Not known.")
		return
	}
	p.put("<dl>\n")
	p.term("file", "<code>%v</code>", r.Instance.ConfigPath)
	p.term("ran last", "%v", ran(*c))
	p.term("last good", "%v", either(c.LastGood != 0, fmt.Sprint("generation ", c.LastGood), "none"))
	p.put("</dl>\n")
	for _, issue := range c.Issues {
		p.put("<p class=\"bad mono\">%v</p>\n", issue)
	}
	if len(c.Issues) == 0 {
		p.put("<p class=\"good\">The file as it is now can be used.</p>\n")
	}
	switch {
	case c.Diff != "":
		p.put("<h3>Last good → file</h3><pre>")
		for _, l := range diffLines(c.Diff) {
			p.put(`<span class="%v">%v</span>`, l.Class, l.Text)
		}
		p.put("</pre>\n")
	case c.LastGood != 0:
		p.put("<p class=\"soft\">The file is what was good last.</p>\n")
	}
}

func (p *sheet) generations(r Report) {
	if len(r.Generations) == 0 {
		p.empty("None is known.")
		return
	}
	class := map[config.Verdict]string{config.Good: "good", config.Probation: "warn"}
	p.table(len(r.Generations), func(n int) {
		g := r.Generations[n]
		p.put(`<td>%v</td><td>%v</td><td class="%v">%v</td><td>%v</td><td class="mono">%v</td><td class="wide">%v</td>`,
			g.N, date(g.Time), cmp.Or(class[g.Verdict], "bad"), g.Verdict, g.Source, short(g.Hash), g.Reason)
	}, "no.", "first ran", "verdict", "from", "hash", "reason")
}

func (p *sheet) service(r Report) {
	if s := r.Service; s == nil {
		p.empty("No service manager knows it.")
	} else {
		p.put("<dl>\n")
		p.term("unit", "%v (%v)", s.Unit, s.Manager)
		sub := either(s.SubState != "", " ("+s.SubState+")", "")
		p.term("state", "%v%v, %v", s.State, sub, either(s.Enabled, "starts with the session", "does not start by itself"))
		p.term("result", "%v", result(*s))
		p.term("restarts", "%v", s.Restarts)
		if s.Text != "" {
			p.term("it says", "%v", s.Text)
		}
		p.put("</dl>\n")
	}
	if len(r.Journal) > 0 {
		p.put("<details><summary>Journal (%v lines)</summary><pre>", len(r.Journal))
		for _, line := range r.Journal {
			p.put("<span>%v</span>", line)
		}
		p.put("</pre></details>\n")
	}
}

func (p *sheet) ports(r Report) {
	if len(r.Ports) == 0 {
		p.empty("Not known.")
		return
	}
	class := map[profile.PortState]string{profile.PortTaken: "bad", profile.PortHeld: "good"}
	p.table(len(r.Ports), func(n int) {
		i := r.Ports[n]
		p.put(`<td>%v</td><td>%v</td><td class="%v">%v</td><td class="wide">%v`, i.Port, i.Component, class[i.State], i.State, i.Summary)
		if i.Try != "" {
			p.put(" <code>%v</code>", i.Try)
		}
		p.put("</td>")
	}, "port", "part", "state", "")
}

func (p *sheet) host(r Report) {
	p.put("<dl>\n")
	if h := r.Host; h != nil {
		p.term("system", "%v, up %v", h.Kernel, h.Up)
		p.space("disk", h.DiskFree, h.DiskTotal, "")
		resident := either(h.Resident != 0, ", the gateway has "+humanSize(h.Resident), "")
		p.space("memory", h.MemoryFree, h.Memory, resident)
		if len(h.Folders) > 0 {
			p.put("<dt>state folder</dt><dd>")
			for _, f := range h.Folders {
				p.put("<code>%v</code> %v<br>", f.Name, humanSize(f.Bytes))
			}
			p.put("</dd>\n")
		}
	}
	p.term("gateway", "%v <code>%v</code>", r.Versions.Gateway, r.Versions.Exe)
	p.term("made with", "clawdbot %v, %v, %v", r.Versions.Here, r.Versions.Go, r.Versions.System)
	p.term("started", "%v", date(r.Instance.StartedAt))
	p.term("stopped in order", "%v", date(r.Instance.StoppedAt))
	p.put("</dl>\n")
}

// space is a term for room on a disk or in memory, with a bar of what is used.
func (p *sheet) space(name markup, free, total int64, more string) {
	p.term(name, `%v free of %v%v<br><meter min="0" max="100" high="90" value="%v">%[4]v %%</meter>`,
		humanSize(free), humanSize(total), more, used(free, total))
}

func (p *sheet) store(r Report) {
	s := r.Store
	if s == nil {
		p.empty("Nothing of it can be read.")
		return
	}
	p.put("<dl>\n")
	p.term("read from", "<code>%v</code>", s.From)
	switch {
	case s.Damage != "":
		p.term("state", `<span class="bad">%v</span>`, s.Damage)
	case s.Report != nil:
		p.term("state", `<span class="good">whole</span>, %v commits, %v tables`, s.Report.Commits, s.Report.Tables)
	default:
		p.term("state", `<span class="good">whole</span>`)
	}
	p.paths("<dt>checkpoints</dt><dd>", s.Checkpoints)
	p.paths(`<dt>quarantined</dt><dd class="bad">`, s.Quarantined)
	p.put("</dl>\n")
	if s.Report != nil {
		p.table(len(s.Report.Keyspaces), func(n int) {
			k := s.Report.Keyspaces[n]
			p.put(`<td class="mono">%v</td><td>%v</td><td>%v</td>`, k.Keyspace, k.Keys, humanSize(k.Bytes))
		}, "keyspace", "keys", "size")
	}
}

// paths writes the paths, if there are any, each on a line of its own.
func (p *sheet) paths(begin markup, paths []string) {
	if len(paths) == 0 {
		return
	}
	p.put(begin)
	for _, path := range paths {
		p.put("<code>%v</code><br>", path)
	}
	p.put("</dd>\n")
}

func (p *sheet) log(r Report) {
	if len(r.Log) == 0 {
		p.empty("There are no lines.")
		return
	}
	class := map[string]string{"error": "bad", "warn": "warn"}
	p.put("<pre>")
	for _, l := range r.Log {
		p.put(`<span class="%v">%v %v %v %v%v</span>`,
			class[l.Level], l.Time, fmt.Sprintf("%-5s", l.Level), fmt.Sprintf("%-8s", l.Component), l.Msg, attrs(l))
	}
	p.put("</pre>\n")
}

func (p *sheet) beats(r Report) {
	if len(r.Beats) == 0 {
		p.empty("None was recorded.")
		return
	}
	newest := newestFirst(r.Beats)
	p.table(len(newest), func(n int) {
		b := newest[n]
		p.put(`<td class="mono">%v</td><td>%v</td><td class="mono">%v</td><td class="%v">%v%v</td><td>%v %v</td><td class="wide">`,
			clock(b.At), b.Seq, short(b.Boot), either(b.Phase == msg.PhaseReady, "good", "warn"), b.Phase, about(b.Detail), b.Generation, b.Source)
		for _, c := range ill(b) {
			p.put(`<span class="bad">%v %v</span> %v<br>`, c.Name, c.State, c.Detail)
		}
		p.put("</td>")
	}, "time", "no.", "boot", "phase", "config", "not well")
}

func (p *sheet) traffic(r Report) {
	if len(r.Traffic) == 0 {
		p.empty("None was recorded.")
		return
	}
	p.put("<p class=\"soft\">What people wrote is left out.</p>\n")
	newest := newestFirst(r.Traffic)
	p.table(len(newest), func(n int) {
		e := newest[n]
		size := either(e.Gap == "", fmt.Sprintf("%d B", e.Size), "")
		p.put(`<td class="mono">%v</td><td class="mono">%v</td><td>%v</td><td class="wide mono">%v%v</td>`, clock(e.At), e.Subject, size, e.Gap, string(e.Message()))
	}, "time", "subject", "size", "body")
}

func (p *sheet) goroutines(r Report) {
	g := r.Goroutines
	if g == nil {
		p.empty("No crash left a dump.")
		return
	}
	p.put("<p class=\"soft\"><code>%v</code>, written at %v</p><details><summary>Dump (%v)</summary><pre>%v</pre></details>\n",
		g.Path, date(g.At), humanSize(int64(len(g.Text))), cut(g.Text))
}

func (p *sheet) missing(r Report) {
	if len(r.Missing) == 0 {
		p.empty("Every source was there.")
		return
	}
	p.put("<dl>")
	for _, m := range r.Missing {
		p.put("<dt>%v</dt><dd>%v</dd>", m.Source, m.Why)
	}
	p.put("</dl>\n")
}

func (p *sheet) foot() {
	p.put(`
</main>
<footer>Secrets are hidden. The parts lie beside this page: report.json has all, log.jsonl, beats.jsonl, traffic.jsonl, journal.txt, config.diff and goroutines.txt the long ones.</footer>
</body>
</html>
`)
}
