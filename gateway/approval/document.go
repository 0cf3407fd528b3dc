package approval

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile"
	"clawdbot/profile/config"
)

const (
	mainAgent  = "main"
	maxAllowed = 1000 // lines of one agent's list
)

// document is what may run on this host.
type document struct {
	file   msg.ExecFile
	exists bool
	hash   string // of the file's bytes; of none when there is no file
}

// read reads the document; s.mu is held but in New. Without a file it is empty.
func (s *Server) read() (document, error) {
	raw, err := config.ReadFile(s.cfg.Path)
	doc := document{file: msg.ExecFile{Version: 1}, exists: err == nil, hash: hash(raw)}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return doc, fmt.Errorf("read %s: %w", s.cfg.Path, err)
	}
	if doc.exists {
		if err := json.Unmarshal(raw, &doc.file); err != nil {
			return doc, fmt.Errorf("%s is not JSON of the right types; correct it by hand: %w", s.cfg.Path, err)
		}
		if doc.file.Version != 1 {
			return doc, fmt.Errorf("%s has the version %d, this program knows version 1", s.cfg.Path, doc.file.Version)
		}
	}
	return doc, nil
}

// write replaces the file; s.mu is held.
func (s *Server) write(file msg.ExecFile) (document, error) {
	raw, err := json.MarshalIndent(file, "", "  ")
	if err == nil {
		raw = append(raw, '\n')
		err = profile.WriteFile(s.cfg.Path, raw)
	}
	if err != nil {
		return document{}, fmt.Errorf("write %s: %w", s.cfg.Path, err)
	}
	return document{file: file, exists: true, hash: hash(raw)}, nil
}

func hash(raw []byte) string { return fmt.Sprintf("%x", sha256.Sum256(raw)) }

// told is the document as clients get it, without the socket's secret.
func (s *Server) told(doc document) msg.ExecApprovals {
	if socket := doc.file.Socket; socket != nil {
		doc.file.Socket = &msg.ExecSocket{Path: socket.Path}
	}
	return msg.ExecApprovals{Path: s.cfg.Path, Exists: doc.exists, Hash: doc.hash, File: doc.file}
}

func (s *Server) get(context.Context, *bus.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.read()
	s.note(err)
	if err != nil {
		return nil, err
	}
	return s.told(doc), nil
}

func (s *Server) set(_ context.Context, req *bus.Request) (any, error) {
	var q msg.ExecSet
	if err := req.Decode(&q); err != nil {
		return nil, err
	}
	if err := check(q.File); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.read()
	switch {
	case err != nil:
	case old.exists && q.BaseHash == "":
		err = invalid("baseHash: missing; read exec.approvals.get and try again")
	case q.BaseHash != "" && q.BaseHash != old.hash:
		err = invalid("baseHash: exec approvals changed since they were read; read exec.approvals.get and try again")
	}
	if err != nil {
		return nil, err
	}
	if socket := old.file.Socket; socket != nil && (q.File.Socket == nil || q.File.Socket.Token == "") {
		kept := msg.ExecSocket{Path: socket.Path, Token: socket.Token}
		if q.File.Socket != nil {
			kept.Path = cmp.Or(q.File.Socket.Path, kept.Path)
		}
		q.File.Socket = &kept
	}
	written, err := s.write(q.File)
	s.note(err)
	if err != nil {
		return nil, err
	}
	return s.told(written), nil
}

// check refuses what is no document, naming the place.
func check(file msg.ExecFile) error {
	if file.Version != 1 {
		return invalid("file.version: must be 1 (got %d)", file.Version)
	}
	policies := map[string]msg.ExecPolicy{}
	if file.Defaults != nil {
		policies["file.defaults"] = *file.Defaults
	}
	for id, agent := range file.Agents {
		at := "file.agents." + id
		if strings.TrimSpace(id) == "" || len(id) > maxID {
			return invalid("file.agents: %.64q is no agent's id", id)
		}
		if len(agent.Allowlist) > maxAllowed {
			return invalid("%s.allowlist: %d lines, at most %d are taken", at, len(agent.Allowlist), maxAllowed)
		}
		if i := slices.IndexFunc(agent.Allowlist, func(a msg.ExecAllowed) bool { return strings.TrimSpace(a.Pattern) == "" }); i >= 0 {
			return invalid("%s.allowlist[%d].pattern: missing", at, i)
		}
		policies[at] = agent.ExecPolicy
	}
	for _, at := range slices.Sorted(maps.Keys(policies)) {
		if err := checkPolicy(policies[at], at); err != nil {
			return err
		}
	}
	return nil
}

func checkPolicy(p msg.ExecPolicy, at string) error {
	security, ask := []string{"", "deny", "allowlist", "full"}, []string{"", "off", "on-miss", "always"}
	for _, f := range []struct {
		key, value string
		words      []string
	}{{"security", p.Security, security}, {"ask", p.Ask, ask}, {"askFallback", p.AskFallback, security}} {
		if !slices.Contains(f.words, f.value) {
			return invalid("%s.%s: must be one of %s (got %.32q)", at, f.key, strings.Join(f.words[1:], ", "), f.value)
		}
	}
	return nil
}

// remember puts the program of a command on its agent's list; s.mu is held.
func (s *Server) remember(c msg.ExecCommand) error {
	path := c.ResolvedPath
	if !strings.ContainsAny(path, `/\`) {
		return nil // a bare name would allow any program of that name
	}
	if strings.ContainsAny(path, "*?[") {
		return invalid("resolvedPath: %.200q holds a wildcard, so on the allowlist it would allow more than itself; decide allow-once", path)
	}
	doc, err := s.read()
	s.note(err)
	if err != nil {
		return err
	}
	id := cmp.Or(c.AgentID, mainAgent)
	agent := doc.file.Agents[id]
	used := msg.ExecAllowed{
		ID: strings.ToLower(rand.Text()), Pattern: path, LastUsedAt: time.Now().UnixMilli(), LastUsedCommand: c.Command, LastResolvedPath: path,
	}
	switch i := slices.IndexFunc(agent.Allowlist, func(a msg.ExecAllowed) bool { return a.Pattern == path }); {
	case i >= 0:
		used.ID = cmp.Or(agent.Allowlist[i].ID, used.ID)
		agent.Allowlist[i] = used
	case len(agent.Allowlist) >= maxAllowed:
		return bus.Errorf(bus.CodeUnavailable, "the allowlist of %s is full (%d lines): remove some, or decide allow-once", id, maxAllowed)
	default:
		agent.Allowlist = append(agent.Allowlist, used)
	}
	if doc.file.Agents == nil {
		doc.file.Agents = map[string]msg.ExecAgent{}
	}
	doc.file.Agents[id] = agent
	_, err = s.write(doc.file)
	s.note(err)
	return err
}
