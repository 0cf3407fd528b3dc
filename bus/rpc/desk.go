package rpc

import "clawdbot/bus/msg"

func deskMethods() []Method {
	return []Method{
		method[None, msg.VoiceWake]("voicewake.get", Read, "Tells the words that wake a listening device."),
		method[msg.VoiceWake, msg.VoiceWake]("voicewake.set", Write, "Sets the words that wake a listening device."),
		method[None, msg.TTSStatus]("tts.status", Write, "Tells whether answers are spoken, and by whom."),
		method[None, msg.TTSProviders]("tts.providers", Write, "Lists who can speak; no provider is built in."),
		method[None, msg.TTSEnabled]("tts.enable", Write, "Has answers spoken as soon as a provider is there."),
		method[None, msg.TTSEnabled]("tts.disable", Write, "Has no answers spoken."),
		method[msg.TTSConvert, msg.TTSConverted]("tts.convert", Write, "Speaks a text; refused, for no provider is built in."),
		method[msg.TTSPreference, msg.TTSPreference]("tts.setProvider", Write, "Sets the preferred provider."),
		method[msg.TalkMode, msg.TalkModeSet]("talk.mode", Write, "Switches talking on or off and tells all devices."),
		method[None, msg.UsageStatus]("usage.status", Read, "Tells the limits of the model providers that are used."),
		method[msg.UsageQuery, msg.UsageCost]("usage.cost", Read, "Tells what the models took."),
		method[None, msg.SkillList]("skills.status", Read, "Lists the skills of the workspace."),
		method[None, msg.SkillBins]("skills.bins", Node, "Lists the programs that the skills use."),
		method[msg.SkillInstall, None]("skills.install", Admin, "Refused: what a skill needs is installed by hand."),
		method[msg.SkillUpdate, None]("skills.update", Admin, "Refused: skills have no settings here."),
		method[msg.WizardStart, None]("wizard.start", Admin, "Refused: clawdbot onboard sets a profile up."),
		method[msg.WizardNext, None]("wizard.next", Admin, "Refused, as wizard.start."),
		method[msg.WizardKey, None]("wizard.cancel", Admin, "Refused, as wizard.start."),
		method[msg.WizardKey, None]("wizard.status", Admin, "Refused, as wizard.start."),
	}
}

func deskEvents() []Event {
	return []Event{
		event[msg.VoiceWake]("voicewake.changed", Anyone, "The words that wake a listening device were set."),
		event[msg.TalkModeSet]("talk.mode", Anyone, "Talking was switched on or off, or went on to another phase."),
	}
}
