package rpc

import "clawdbot/bus/msg"

func coreMethods() []Method {
	return []Method{
		method[None, msg.BusInfo]("bus.info", Admin, "The bus: its port, its clients and its traffic."),
		method[None, msg.BusUsers]("bus.users", Admin, "Who may use the bus from outside, and on which subjects."),
		method[msg.BusUser, msg.BusGrant]("bus.grant", Admin, "Makes or replaces a user of the bus; the answer alone shows the password."),
		method[msg.BusRevoke, msg.BusRevoked]("bus.revoke", Admin, "Takes a user off the bus."),
		method[None, msg.ConfigFile]("config.get", Admin, "The config file as it is on disk now, secrets hidden."),
		method[None, msg.ConfigSchema]("config.schema", Admin, "The JSON Schema of the config file."),
		method[msg.ConfigWrite, msg.ConfigWritten]("config.set", Admin, "Replaces the text of the config file; the gateway takes it up as any edit."),
		method[msg.ConfigWrite, msg.ConfigWritten]("config.patch", Admin, "Merges a patch into the config file; comments and order stay."),
		method[msg.ConfigPlan, msg.ConfigPlanned]("config.plan", Admin, "What a config would do, without doing it."),
		method[msg.ConfigApply, msg.ConfigApplied]("config.apply", Admin, "Runs a config on probation and writes it to the file; what does not do well is rolled back."),
		method[None, msg.GenerationsList]("generations.list", Admin, "The configs that ran, and what became of each."),
		method[msg.GenerationQuery, msg.GenerationShown]("generations.show", Admin, "One config that ran, and how it differs from the file."),
		method[msg.GenerationRollback, msg.ConfigApplied]("generations.rollback", Admin, "Applies the text of a config that ran before."),
		method[msg.LogQuery, msg.LogTail]("logs.tail", Read, "The end of the log, or what came after a cursor."),
		method[None, msg.PortsList]("ports.list", Read, "The ports of every profile of the host, and who holds them."),
		method[None, msg.ProfilesList]("profiles.list", Read, "Every profile of the host."),
		method[msg.StateList, msg.StateKeys]("state.ls", Admin, "Keys of the store."),
		method[msg.StateGet, msg.StateValue]("state.get", Admin, "A value of the store."),
		method[None, msg.StateCheckpoint]("state.checkpoint", Admin, "Copies the store to a folder of its own."),
		method[None, msg.StateReport]("state.verify", Admin, "Proves the checksums of the store, and tells its size."),
		method[msg.UpdateRun, None]("update.run", Admin, "Not supported here: refuses, and says how to update."),
	}
}
