package msg

import "encoding/json"

// VoiceWake is asked of voicewake.set, and is its answer, that of voicewake.get
// and the event voicewake.changed.
type VoiceWake struct {
	Triggers []string `json:"triggers" max:"32" doc:"The words that wake a listening device; none: the words of a new profile."`
}

// TTSStatus is the answer of tts.status. No provider is built in.
type TTSStatus struct {
	Enabled           bool     `json:"enabled"`
	Provider          string   `json:"provider"`         // the preferred one, "" for none
	FallbackProvider  *string  `json:"fallbackProvider"` // null: there is none
	FallbackProviders []string `json:"fallbackProviders"`
	PrefsPath         string   `json:"prefsPath"`
	HasOpenAIKey      bool     `json:"hasOpenAIKey"`
	HasElevenLabsKey  bool     `json:"hasElevenLabsKey"`
	EdgeEnabled       bool     `json:"edgeEnabled"`
}

// TTSProviders is the answer of tts.providers.
type TTSProviders struct {
	Providers []TTSProvider `json:"providers"` // that are built in
	Active    string        `json:"active"`    // the preferred one, "" for none
}

// TTSProvider is one that speaks.
type TTSProvider struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Configured bool     `json:"configured"`
	Models     []string `json:"models"`
}

// TTSEnabled is the answer of tts.enable and tts.disable.
type TTSEnabled struct {
	Enabled bool `json:"enabled"`
}

// TTSConvert is asked of tts.convert.
type TTSConvert struct {
	Text    string `json:"text" max:"65536" doc:"What is to be said."`
	Channel string `json:"channel,omitempty" max:"64" doc:"The channel that it is for."`
}

// TTSConverted is its answer.
type TTSConverted struct {
	AudioPath    string `json:"audioPath"`
	Provider     string `json:"provider"`
	OutputFormat string `json:"outputFormat"`
}

// TTSPreference is asked of tts.setProvider, and is its answer.
type TTSPreference struct {
	Provider string `json:"provider" enum:"openai|elevenlabs|edge" doc:"The provider that speaks when it is there."`
}

// TalkMode is asked of talk.mode.
type TalkMode struct {
	Enabled bool   `json:"enabled" doc:"Whether the devices listen and speak."`
	Phase   string `json:"phase,omitempty" max:"64" doc:"What they do, such as listening, thinking or speaking."`
}

// TalkModeSet is its answer and the event talk.mode.
type TalkModeSet struct {
	Enabled bool    `json:"enabled"`
	Phase   *string `json:"phase"` // null: not told
	TS      int64   `json:"ts"`
}

// UsageStatus is the answer of usage.status.
type UsageStatus struct {
	UpdatedAt int64           `json:"updatedAt"`
	Providers []UsageProvider `json:"providers"` // model providers that tell of their limits
}

// UsageProvider is what one model provider tells of its limits.
type UsageProvider struct {
	Provider    string        `json:"provider"`
	DisplayName string        `json:"displayName"`
	Windows     []UsageWindow `json:"windows"`
	Plan        string        `json:"plan,omitempty"`
	Error       string        `json:"error,omitempty"`
}

// UsageWindow is one limit of a model provider.
type UsageWindow struct {
	Label       string  `json:"label"`
	UsedPercent float64 `json:"usedPercent"`
	ResetAt     int64   `json:"resetAt,omitempty"`
}

// UsageQuery is asked of usage.cost.
type UsageQuery struct {
	Days int `json:"days,omitempty" min:"1" max:"36600" doc:"How many days back; unset: 30."`
}

// UsageCost is its answer: what the models took.
type UsageCost struct {
	UpdatedAt int64       `json:"updatedAt"`
	Days      int         `json:"days"`
	Daily     []UsageDay  `json:"daily"` // days on which there was any
	Totals    UsageTotals `json:"totals"`
}

// UsageDay is one day's.
type UsageDay struct {
	Date string `json:"date"` // 2026-01-02
	UsageTotals
}

// UsageTotals are tokens, and what they cost in dollars.
type UsageTotals struct {
	Input              int64   `json:"input"`
	Output             int64   `json:"output"`
	CacheRead          int64   `json:"cacheRead"`
	CacheWrite         int64   `json:"cacheWrite"`
	TotalTokens        int64   `json:"totalTokens"`
	TotalCost          float64 `json:"totalCost"`
	MissingCostEntries int     `json:"missingCostEntries"` // whose price is not known
}

// SkillList is the answer of skills.status.
type SkillList struct {
	WorkspaceDir     string  `json:"workspaceDir"`
	ManagedSkillsDir string  `json:"managedSkillsDir"` // "": there is none
	Skills           []Skill `json:"skills"`
}

// Skill is one skill of the workspace.
type Skill struct {
	Name               string     `json:"name"`
	Description        string     `json:"description"`
	Source             string     `json:"source"` // clawdbot-workspace
	Bundled            bool       `json:"bundled"`
	FilePath           string     `json:"filePath"`
	BaseDir            string     `json:"baseDir"`
	SkillKey           string     `json:"skillKey"`
	PrimaryEnv         string     `json:"primaryEnv,omitempty"`
	Emoji              string     `json:"emoji,omitempty"`
	Homepage           string     `json:"homepage,omitempty"`
	Always             bool       `json:"always"`
	Disabled           bool       `json:"disabled"`
	BlockedByAllowlist bool       `json:"blockedByAllowlist"`
	Eligible           bool       `json:"eligible"` // nothing is missing
	Requirements       SkillNeeds `json:"requirements"`
	Missing            SkillNeeds `json:"missing"`
	ConfigChecks       []struct{} `json:"configChecks"`
	Install            []struct{} `json:"install"` // ways to install what is missing
}

// SkillNeeds are what a skill asks of the host.
type SkillNeeds struct {
	Bins    []string `json:"bins"`
	AnyBins []string `json:"anyBins"` // one of them
	Env     []string `json:"env"`
	Config  []string `json:"config"`
	OS      []string `json:"os"` // one of them, in the words of Node.js: darwin, linux, win32
}

// SkillBins is the answer of skills.bins: the programs that skills use.
type SkillBins struct {
	Bins []string `json:"bins"`
}

// SkillInstall is asked of skills.install.
type SkillInstall struct {
	Name      string `json:"name" max:"256" doc:"The skill."`
	InstallID string `json:"installId" max:"256" doc:"One of its ways to install."`
	TimeoutMs int64  `json:"timeoutMs,omitempty" min:"1000" max:"3600000" doc:"How long that may take."`
}

// SkillUpdate is asked of skills.update.
type SkillUpdate struct {
	SkillKey string            `json:"skillKey" max:"256" doc:"The skill."`
	Enabled  *bool             `json:"enabled,omitempty" doc:"Whether it is used."`
	APIKey   string            `json:"apiKey,omitempty" max:"4096" doc:"Its key."`
	Env      map[string]string `json:"env,omitempty" doc:"Variables for it."`
}

// WizardStart is asked of wizard.start.
type WizardStart struct {
	Mode      string `json:"mode,omitempty" enum:"local|remote" doc:"What is set up."`
	Workspace string `json:"workspace,omitempty" max:"4096" doc:"The workspace's folder."`
}

// WizardNext is asked of wizard.next.
type WizardNext struct {
	SessionID string        `json:"sessionId" max:"128" doc:"The wizard."`
	Answer    *WizardAnswer `json:"answer,omitempty" doc:"The answer to its last question."`
}

// WizardAnswer answers one question.
type WizardAnswer struct {
	StepID string          `json:"stepId" max:"128" doc:"The question."`
	Value  json.RawMessage `json:"value,omitempty" doc:"The answer."`
}

// WizardKey is asked of wizard.cancel and wizard.status.
type WizardKey struct {
	SessionID string `json:"sessionId" max:"128" doc:"The wizard."`
}
