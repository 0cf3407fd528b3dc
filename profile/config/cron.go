package config

// Cron are the jobs that run at their time. They live in the profile's store, not in this file.
type Cron struct {
	_ struct{} `unused:"store"`

	Enabled           bool `json:"enabled" security:"off" doc:"Run jobs at their time."`
	MaxConcurrentRuns int  `json:"maxConcurrentRuns" min:"1" max:"64" doc:"How many jobs run at once; the others wait for their turn."`
}
