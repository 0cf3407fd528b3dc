package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"clawdbot/bus/msg"
	"clawdbot/profile/config"
)

const (
	skillFile  = "SKILL.md"
	maxSkills  = 500
	maxMatter  = 64 << 10 // bytes at the head of a skill's file
	maxSkillID = 256      // bytes of a name
)

func (a *Agent) skillsStatus(context.Context, struct{}) (any, error) {
	skills, err := a.skills()
	return msg.SkillList{WorkspaceDir: a.workspace, Skills: skills}, err
}

func (a *Agent) skillsBins(context.Context, struct{}) (any, error) {
	skills, err := a.skills()
	bins := []string{}
	for _, s := range skills {
		bins = slices.Concat(bins, s.Requirements.Bins, s.Requirements.AnyBins)
	}
	slices.Sort(bins)
	return msg.SkillBins{Bins: slices.Compact(bins)}, err
}

// skills reads the workspace's skills: skills/*/SKILL.md, sorted by name. A file
// without a name or a description is no skill.
func (a *Agent) skills() ([]msg.Skill, error) {
	skills := []msg.Skill{}
	if a.workspace == "" {
		return skills, nil
	}
	root := filepath.Join(a.workspace, "skills")
	dirs, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, d := range dirs[:min(len(dirs), maxSkills)] {
		if s, ok := readSkill(filepath.Join(root, d.Name())); ok {
			skills = append(skills, s)
		}
	}
	slices.SortFunc(skills, func(x, y msg.Skill) int { return strings.Compare(x.Name, y.Name) })
	return skills, nil
}

// readSkill reads the skill of a folder.
func readSkill(dir string) (msg.Skill, bool) {
	path := filepath.Join(dir, skillFile)
	text, err := config.ReadFile(path)
	if err != nil { // a folder without a skill, or something that is no file
		return msg.Skill{}, false
	}
	matter := frontMatter(string(text[:min(len(text), maxMatter)]))
	s := msg.Skill{
		Name: matter["name"], Description: matter["description"], Homepage: matter["homepage"], Source: "clawdbot-workspace",
		FilePath: path, BaseDir: dir, ConfigChecks: []struct{}{}, Install: []struct{}{},
	}
	if s.Name == "" || s.Description == "" || len(s.Name) > maxSkillID {
		return msg.Skill{}, false
	}
	s.Requirements = describe(&s, matter["metadata"])
	s.Missing = missing(s.Requirements)
	s.Eligible = s.Always || len(slices.Concat(s.Missing.Bins, s.Missing.AnyBins, s.Missing.Env, s.Missing.Config, s.Missing.OS)) == 0
	return s, true
}

// frontMatter reads the lines between the first two that are --- as keys and
// values. The indented lines below a key belong to its value. It is the part of
// YAML that skills are written in.
func frontMatter(text string) map[string]string {
	values := map[string]string{}
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	if strings.TrimSpace(lines[0]) != "---" {
		return values
	}
	key := ""
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		switch {
		case strings.TrimSpace(line) == "---":
			for k, v := range values {
				values[k] = unquote(v)
			}
			return values
		case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"):
			if key != "" {
				values[key] = strings.TrimSpace(values[key] + " " + strings.TrimSpace(line))
			}
		case found && !strings.HasPrefix(line, "#"):
			key = strings.TrimSpace(name)
			if value = strings.TrimSpace(value); slices.Contains([]string{">", ">-", "|", "|-"}, value) {
				value = "" // the text stands below
			}
			values[key] = value
		default:
			key = ""
		}
	}
	return map[string]string{} // it does not end
}

// unquote takes a pair of quotes off.
func unquote(v string) string {
	if len(v) >= 2 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
		return v[1 : len(v)-1]
	}
	return v
}

// describe reads a skill's metadata, JSON under the key clawdbot, and returns
// what the skill needs. What is no such JSON says nothing.
func describe(s *msg.Skill, metadata string) msg.SkillNeeds {
	var read struct {
		Clawdbot struct {
			Emoji      string         `json:"emoji"`
			Homepage   string         `json:"homepage"`
			SkillKey   string         `json:"skillKey"`
			PrimaryEnv string         `json:"primaryEnv"`
			Always     bool           `json:"always"`
			OS         []string       `json:"os"`
			Requires   msg.SkillNeeds `json:"requires"`
		} `json:"clawdbot"`
	}
	_ = json.Unmarshal([]byte(metadata), &read) // else it is as if there were none
	own := read.Clawdbot
	s.Emoji, s.PrimaryEnv, s.Always = own.Emoji, own.PrimaryEnv, own.Always
	s.Homepage, s.SkillKey = cmp.Or(s.Homepage, own.Homepage), cmp.Or(own.SkillKey, s.Name)
	own.Requires.OS = own.OS
	for _, list := range []*[]string{&own.Requires.Bins, &own.Requires.AnyBins, &own.Requires.Env, &own.Requires.Config, &own.Requires.OS} {
		if *list == nil {
			*list = []string{}
		}
	}
	return own.Requires
}

// missing is what the host lacks of a skill's needs. Variables and config keys
// of skills are not known here, so that they always lack.
func missing(needs msg.SkillNeeds) msg.SkillNeeds {
	lacks := func(bin string) bool { _, err := exec.LookPath(bin); return err != nil }
	none := msg.SkillNeeds{Bins: []string{}, AnyBins: []string{}, Env: needs.Env, Config: needs.Config, OS: []string{}}
	for _, bin := range needs.Bins {
		if lacks(bin) {
			none.Bins = append(none.Bins, bin)
		}
	}
	if !slices.ContainsFunc(needs.AnyBins, func(bin string) bool { return !lacks(bin) }) {
		none.AnyBins = needs.AnyBins
	}
	here := runtime.GOOS
	if here == "windows" {
		here = "win32"
	}
	if len(needs.OS) > 0 && !slices.Contains(needs.OS, here) {
		none.OS = needs.OS
	}
	return none
}
