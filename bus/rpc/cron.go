package rpc

import "clawdbot/bus/msg"

func cronMethods() []Method {
	return []Method{
		method[None, msg.CronStatus]("cron.status", Read, "Tells how many jobs there are and when the next one runs."),
		method[msg.CronList, msg.CronJobs]("cron.list", Read, "Lists the jobs, the next to run first."),
		method[msg.CronRuns, msg.CronHistory]("cron.runs", Read, "Lists the newest runs of a job."),
		method[msg.CronAdd, msg.CronJob]("cron.add", Admin, "Makes a job."),
		method[msg.CronUpdate, msg.CronJob]("cron.update", Admin, "Changes a job."),
		method[msg.CronRemove, msg.CronRemoved]("cron.remove", Admin, "Removes a job; its runs stay in the history."),
		method[msg.CronRun, msg.CronRan]("cron.run", Admin, "Runs a job now; how it went is told by the event cron and by cron.runs."),
	}
}

func cronEvents() []Event {
	return []Event{event[msg.CronEvent]("cron", Read, "A job was added, updated or removed, or a run of it began or ended.")}
}
