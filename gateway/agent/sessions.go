package agent

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

const (
	previewLimit   = 12
	previewChars   = 240
	titleChars     = 60
	compactDefault = 400
	quietWait      = 10 * time.Second // how long aborted runs may take to end
)

func (a *Agent) sessionsList(_ context.Context, p msg.SessionQuery) (any, error) {
	now := time.Now()
	var rows []store.Entry[session]
	for e, err := range a.sessions.All() {
		if err != nil {
			return nil, err
		}
		if wanted(p, e.ID, e.Value, now) {
			rows = append(rows, e)
		}
	}
	slices.SortStableFunc(rows, func(a, b store.Entry[session]) int { return cmp.Compare(b.Value.UpdatedAt, a.Value.UpdatedAt) })
	if p.Limit > 0 {
		rows = rows[:min(p.Limit, len(rows))]
	}
	list := msg.SessionList{TS: now.UnixMilli(), Sessions: []msg.Session{}}
	room := a.room()
	for _, e := range rows {
		row, err := a.sessionRow(e.ID, e.Value, p)
		if err != nil {
			return nil, err
		}
		if room -= encoded(row); room < 0 {
			break
		}
		list.Sessions = append(list.Sessions, row)
	}
	list.Count = len(list.Sessions)
	return list, nil
}

// wanted says whether a session is among those that are asked for.
func wanted(p msg.SessionQuery, key string, s session, now time.Time) bool {
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(p.Search)) }
	switch {
	case p.ActiveMinutes > 0 && s.UpdatedAt < now.Add(-time.Duration(p.ActiveMinutes)*time.Minute).UnixMilli(),
		p.AgentID != "" && p.AgentID != agentOf(key),
		p.Label != "" && p.Label != value(s.Label),
		p.SpawnedBy != "" && p.SpawnedBy != value(s.SpawnedBy),
		p.Search != "" && !has(key) && !has(value(s.Label)) && !has(s.LastTo):
		return false
	}
	return true
}

// value is what a setting is, "" when it is not set.
func value(setting *string) string {
	if setting == nil {
		return ""
	}
	return *setting
}

func (a *Agent) sessionRow(key string, s session, p msg.SessionQuery) (msg.Session, error) {
	row := msg.Session{
		Key: key, Kind: "direct", DisplayName: value(s.Label), Channel: s.LastChannel, Messages: s.count(), ActiveRuns: a.active(key),
		SessionEntry: s.SessionEntry,
	}
	if strings.Contains(key, ":group:") || strings.Contains(key, ":channel:") {
		row.Kind = "group"
	}
	for _, want := range []struct {
		asked bool
		end   uint64 // the message's number and one
		text  *string
	}{
		{p.IncludeDerivedTitles, min(s.First+1, s.Next), &row.DerivedTitle},
		{p.IncludeLastMessage, s.Next, &row.LastMessagePreview},
	} {
		if !want.asked {
			continue
		}
		m, err := a.last(s, want.end, 1, a.room())
		if err != nil {
			return row, err
		}
		if len(m) > 0 {
			*want.text = beginning(textOf(m[0]), titleChars)
		}
	}
	return row, nil
}

// beginning is the first n characters of a text, on one line.
func beginning(text string, n int) string {
	text = strings.Join(strings.Fields(clip(text, 8*n)), " ")
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

func (a *Agent) sessionsPreview(_ context.Context, p msg.SessionPreview) (any, error) {
	limit, chars := cmp.Or(min(p.Limit, 50), previewLimit), cmp.Or(min(p.MaxChars, 2000), previewChars)
	if limit < 0 || chars < 2 || len(p.Keys) > 64 {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "sessions.preview takes at most 64 keys, 50 messages of each and 2000 characters of each message")
	}
	previews := msg.SessionPreviews{TS: time.Now().UnixMilli(), Previews: []msg.PreviewSession{}}
	room := a.room()
	for _, sent := range p.Keys {
		key, err := a.sessionKey("keys", sent)
		if err != nil {
			return nil, err
		}
		is := msg.PreviewSession{Key: sent, Status: "missing", Items: []msg.PreviewItem{}}
		s, err := a.sessions.Get(key)
		if err == nil {
			is.Status = "empty"
			var list []msg.ChatMessage
			list, err = a.last(s, s.Next, limit, a.room())
			for _, m := range list {
				is.Status = "ok"
				is.Items = append(is.Items, msg.PreviewItem{Role: m.Role, Text: beginning(cmp.Or(textOf(m), m.ErrorMessage), chars)})
			}
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if room -= encoded(is); room < 0 {
			return nil, bus.Errorf(bus.CodeInvalidRequest, "the previews do not fit in one reply; ask for fewer keys, messages or characters")
		}
		previews.Previews = append(previews.Previews, is)
	}
	return previews, nil
}

// sessionsPatch decodes the request into the settings as they are: a key that is
// absent leaves its setting, null clears it.
func (a *Agent) sessionsPatch(_ context.Context, req *bus.Request) (any, error) {
	var p msg.SessionPatch
	if err := req.Decode(&p); err != nil {
		return nil, err
	}
	key, err := a.sessionKey("key", p.Key)
	if err != nil {
		return nil, err
	}
	var s session
	err = a.store.Update(func(tx *store.Tx) error {
		if s, err = a.sessionIn(tx, key); err != nil {
			return err
		}
		p.SessionSettings = s.SessionSettings
		if err := req.Decode(&p); err != nil {
			return err
		}
		if err := checkSettings(p.SessionSettings); err != nil {
			return err
		}
		if p.Label != nil {
			if err := a.checkLabel(tx, key, *p.Label); err != nil {
				return err
			}
		}
		s.SessionSettings, s.UpdatedAt = p.SessionSettings, time.Now().UnixMilli()
		return a.sessions.With(tx).Put(key, s)
	})
	if err := a.stored("session", err); err != nil {
		return nil, err
	}
	return msg.SessionPatched{OK: true, Key: key, Entry: s.SessionEntry}, nil
}

// checkSettings refuses what a service on the bus may send unchecked.
func checkSettings(s msg.SessionSettings) error {
	for _, f := range []struct {
		name  string
		value *string
	}{
		{"label", s.Label}, {"thinkingLevel", s.ThinkingLevel}, {"verboseLevel", s.VerboseLevel}, {"reasoningLevel", s.ReasoningLevel},
		{"responseUsage", s.ResponseUsage}, {"elevatedLevel", s.ElevatedLevel}, {"execHost", s.ExecHost}, {"execSecurity", s.ExecSecurity},
		{"execAsk", s.ExecAsk}, {"execNode", s.ExecNode}, {"model", s.Model}, {"spawnedBy", s.SpawnedBy}, {"sendPolicy", s.SendPolicy},
		{"groupActivation", s.GroupActivation},
	} {
		if f.value != nil && (strings.TrimSpace(*f.value) == "" || len(*f.value) > maxKey) {
			return bus.Errorf(bus.CodeInvalidRequest, "%s: must have from 1 to %d bytes; null clears it", f.name, maxKey)
		}
	}
	return nil
}

// checkLabel refuses the label of another session.
func (a *Agent) checkLabel(tx *store.Tx, key, label string) error {
	for e, err := range a.sessions.With(tx).All() {
		if err != nil {
			return err
		}
		if e.ID != key && value(e.Value.Label) == label {
			return bus.Errorf(bus.CodeInvalidRequest, "label: session %s has %.64q already", e.ID, label)
		}
	}
	return nil
}

func (a *Agent) sessionsReset(ctx context.Context, p msg.SessionKey) (any, error) {
	key, err := a.sessionKey("key", p.Key)
	if err == nil {
		err = a.quiet(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	var s session
	err = a.store.Update(func(tx *store.Tx) error {
		old, err := a.sessionIn(tx, key)
		if err != nil {
			return err
		}
		s = newSession(time.Now().UnixMilli())
		s.SessionSettings, s.LastChannel, s.LastTo, s.LastThreadID = old.SessionSettings, old.LastChannel, old.LastTo, old.LastThreadID
		if _, err := a.cut(tx, &old, 0); err != nil {
			return err
		}
		return a.sessions.With(tx).Put(key, s)
	})
	if err := a.stored("session", err); err != nil {
		return nil, err
	}
	return msg.SessionReset{OK: true, Key: key, Entry: s.SessionEntry}, nil
}

func (a *Agent) sessionsDelete(ctx context.Context, p msg.SessionDelete) (any, error) {
	key, err := a.sessionKey("key", p.Key)
	switch {
	case err != nil:
		return nil, err
	case key == mainSession(agentOf(key)):
		return nil, bus.Errorf(bus.CodeInvalidRequest, "cannot delete the main session (%s); sessions.reset empties it", key)
	case p.DeleteTranscript != nil && !*p.DeleteTranscript:
		return nil, bus.Errorf(bus.CodeInvalidRequest, "deleteTranscript: false is not offered, the messages go with their session; chat.history reads them before")
	}
	if err := a.quiet(ctx, key); err != nil {
		return nil, err
	}
	found, err := a.remove(key)
	if err := a.stored("session", err); err != nil {
		return nil, err
	}
	return msg.SessionDeleted{OK: true, Key: key, Deleted: found, Archived: []string{}}, nil
}

// quiet ends the runs of a session and waits for them.
func (a *Agent) quiet(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, quietWait)
	defer cancel()
	for _, t := range a.abort(key, "") {
		select {
		case <-t.done:
		case <-ctx.Done():
			return unavailable("a run of session %s has not ended yet; try again", key)
		}
	}
	return nil
}

func (a *Agent) sessionsCompact(_ context.Context, p msg.SessionCompact) (any, error) {
	key, err := a.sessionKey("key", p.Key)
	if err != nil {
		return nil, err
	}
	var s session
	var removed uint64
	err = a.store.Update(func(tx *store.Tx) (err error) {
		if s, err = a.sessions.With(tx).Get(key); errors.Is(err, store.ErrNotFound) {
			return noSession(key)
		}
		if err != nil {
			return err
		}
		if removed, err = a.cut(tx, &s, uint64(max(cmp.Or(p.MaxLines, compactDefault), 1))); err != nil {
			return err
		}
		return a.sessions.With(tx).Put(key, s)
	})
	if err := a.stored("session", err); err != nil {
		return nil, err
	}
	return msg.SessionCompacted{OK: true, Key: key, Compacted: removed > 0, Kept: s.count(), Removed: removed}, nil
}

func (a *Agent) sessionsResolve(_ context.Context, p msg.SessionResolve) (any, error) {
	given := 0
	for _, v := range []string{p.Key, p.SessionID, p.Label} {
		if v != "" {
			given++
		}
	}
	if given != 1 {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "sessions.resolve takes exactly one of key, sessionId and label")
	}
	var whole string
	if p.Key != "" {
		var err error
		if whole, err = a.sessionKey("key", p.Key); err != nil {
			return nil, err
		}
	}
	found, err := a.findSession(func(key string, s session) bool {
		return (p.Key == "" || key == whole) && (p.SessionID == "" || s.SessionID == p.SessionID) && (p.Label == "" || value(s.Label) == p.Label) &&
			(p.AgentID == "" || agentOf(key) == p.AgentID) && (p.SpawnedBy == "" || value(s.SpawnedBy) == p.SpawnedBy)
	})
	if err != nil {
		return nil, err
	}
	if found == "" {
		return nil, noSession(cmp.Or(whole, p.SessionID, p.Label))
	}
	return msg.SessionResolved{OK: true, Key: found}, nil
}

// findSession returns the key of a session that matches, or "".
func (a *Agent) findSession(match func(key string, s session) bool) (string, error) {
	for e, err := range a.sessions.All() {
		if err != nil {
			return "", err
		}
		if match(e.ID, e.Value) {
			return e.ID, nil
		}
	}
	return "", nil
}
