package cron

import _ "time/tzdata" // Windows has no time zones by their IANA names
