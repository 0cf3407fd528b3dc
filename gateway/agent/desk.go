package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clawdbot/bus"
	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

// preferences are what the small methods around the agent keep, in agent/desk.
type preferences struct {
	Triggers []string        `json:"triggers,omitempty"` // none: defaultTriggers
	Speak    bool            `json:"speak,omitempty"`
	Provider string          `json:"provider,omitempty"` // who speaks
	Talk     msg.TalkModeSet `json:"talk,omitzero"`
}

// preferencesID is the only record in agent/desk.
const preferencesID = "preferences"

// deskEndpoints are the small methods around the agent: those that keep a
// preference, and those that honestly have nothing yet.
func (a *Agent) deskEndpoints() ([]bus.Endpoint, error) {
	var endpoints []bus.Endpoint
	for method, handler := range map[string]bus.Handler{
		"voicewake.get":   handle(a.voiceWake),
		"voicewake.set":   handle(a.setVoiceWake),
		"tts.status":      handle(a.ttsStatus),
		"tts.providers":   handle(a.ttsProviders),
		"tts.enable":      handle(a.ttsEnable(true)),
		"tts.disable":     handle(a.ttsEnable(false)),
		"tts.setProvider": handle(a.ttsSetProvider),
		"tts.convert":     refuse("no provider that speaks is built in, so nothing can be converted"),
		"talk.mode":       handle(a.talkMode),
		"usage.status":    handle(usageStatus),
		"usage.cost":      handle(usageCost),
		"skills.status":   handle(a.skillsStatus),
		"skills.bins":     handle(a.skillsBins),
		"skills.install":  refuse("nothing is installed from here: install what the skill needs by hand, skills.status lists it"),
		"skills.update":   refuse("skills have no settings here: edit the skill's folder in the workspace"),
		"wizard.start":    refuse(noWizard),
		"wizard.next":     refuse(noWizard),
		"wizard.cancel":   refuse(noWizard),
		"wizard.status":   refuse(noWizard),
	} {
		subj, err := a.subjects.RPC(method)
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, bus.Endpoint{Name: strings.ReplaceAll(method, ".", "-"), Subject: subj, Handle: handler})
	}
	return endpoints, nil
}

const noWizard = "there is no wizard over the wire: run clawdbot onboard on the gateway's host"

// refuse is a method that only says why it does nothing.
func refuse(why string) bus.Handler {
	return func(context.Context, *bus.Request) (any, error) {
		return nil, bus.Errorf(bus.CodeUnavailable, "%s", why)
	}
}

func (a *Agent) desk() store.Keyspace[preferences] {
	return store.NewKeyspace[preferences](a.store, name, "desk")
}

// preferred are the preferences as they are kept.
func (a *Agent) preferred() (preferences, error) {
	p, err := a.desk().Get(preferencesID)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return p, err
}

// prefer changes the preferences.
func (a *Agent) prefer(change func(*preferences)) error {
	err := a.store.Update(func(tx *store.Tx) error {
		desk := a.desk().With(tx)
		p, err := desk.Get(preferencesID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		change(&p)
		return desk.Put(preferencesID, p)
	})
	if err != nil {
		return fmt.Errorf("preference not stored: %w", err)
	}
	return nil
}

// The bounds of voicewake.set.
const (
	maxTriggers = 32
	maxTrigger  = 64 // bytes
)

// triggers are the words that wake a device, of a new profile those of the original.
func (p preferences) triggers() msg.VoiceWake {
	if len(p.Triggers) == 0 {
		return msg.VoiceWake{Triggers: []string{"clawd", "claude", "computer"}}
	}
	return msg.VoiceWake{Triggers: p.Triggers}
}

func (a *Agent) voiceWake(context.Context, struct{}) (any, error) {
	p, err := a.preferred()
	return p.triggers(), err
}

func (a *Agent) setVoiceWake(_ context.Context, q msg.VoiceWake) (any, error) {
	var words []string
	for i, word := range q.Triggers {
		word = strings.Join(strings.Fields(word), " ")
		if len(word) > maxTrigger {
			return nil, bus.Errorf(bus.CodeInvalidRequest, "triggers[%d]: %d bytes, at most %d are taken", i, len(word), maxTrigger)
		}
		if word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	if len(words) > maxTriggers {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "triggers: %d words, at most %d are taken", len(words), maxTriggers)
	}
	if err := a.prefer(func(p *preferences) { p.Triggers = words }); err != nil {
		return nil, err
	}
	set := preferences{Triggers: words}.triggers()
	a.publish("voicewake.changed", set)
	return set, nil
}

func (a *Agent) ttsStatus(context.Context, struct{}) (any, error) {
	p, err := a.preferred()
	return msg.TTSStatus{Enabled: p.Speak, Provider: p.Provider, FallbackProviders: []string{}}, err
}

func (a *Agent) ttsProviders(context.Context, struct{}) (any, error) {
	p, err := a.preferred()
	return msg.TTSProviders{Providers: []msg.TTSProvider{}, Active: p.Provider}, err
}

func (a *Agent) ttsEnable(on bool) func(context.Context, struct{}) (any, error) {
	return func(context.Context, struct{}) (any, error) {
		return msg.TTSEnabled{Enabled: on}, a.prefer(func(p *preferences) { p.Speak = on })
	}
}

func (a *Agent) ttsSetProvider(_ context.Context, q msg.TTSPreference) (any, error) {
	if !slices.Contains([]string{"openai", "elevenlabs", "edge"}, q.Provider) {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "provider: must be openai, elevenlabs or edge (got %.32q)", q.Provider)
	}
	return q, a.prefer(func(p *preferences) { p.Provider = q.Provider })
}

// maxPhase is the longest phase of talk.mode, in bytes.
const maxPhase = 64

func (a *Agent) talkMode(_ context.Context, q msg.TalkMode) (any, error) {
	if len(q.Phase) > maxPhase {
		return nil, bus.Errorf(bus.CodeInvalidRequest, "phase: %d bytes, at most %d are taken", len(q.Phase), maxPhase)
	}
	set := msg.TalkModeSet{Enabled: q.Enabled, TS: time.Now().UnixMilli()}
	if q.Phase != "" {
		set.Phase = &q.Phase
	}
	if err := a.prefer(func(p *preferences) { p.Talk = set }); err != nil {
		return nil, err
	}
	a.publish("talk.mode", set)
	return set, nil
}

// usageStatus has no providers: no model is built in yet.
func usageStatus(context.Context, struct{}) (any, error) {
	return msg.UsageStatus{UpdatedAt: time.Now().UnixMilli(), Providers: []msg.UsageProvider{}}, nil
}

// usageDays is how far back usage.cost looks when it is not told.
const usageDays = 30

// usageCost is all zero: no model has taken anything yet.
func usageCost(_ context.Context, q msg.UsageQuery) (any, error) {
	return msg.UsageCost{UpdatedAt: time.Now().UnixMilli(), Days: cmp.Or(max(q.Days, 0), usageDays), Daily: []msg.UsageDay{}}, nil
}
