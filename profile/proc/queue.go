package proc

import "time"

// Queue watches how much a process has to wait for a processor. Its zero value
// watches nothing yet. It is not safe for use by many goroutines.
type Queue struct {
	old, new mark // the older one is at least queueSpan behind once there are two
}

type mark struct {
	at     time.Time
	waited time.Duration
}

// A process is starved when in the last span or two its threads together waited
// for starvedShare of the time.
const (
	queueSpan    = 500 * time.Millisecond
	starvedShare = 0.25
)

// Starved looks at the process and says whether the host hardly lets it run. Where
// the system does not tell, or not for long enough yet, it is not starved.
func (q *Queue) Starved(pid int, now time.Time) bool {
	waited, err := Waited(pid)
	if err != nil {
		*q = Queue{}
		return false
	}
	return q.note(mark{now, waited})
}

func (q *Queue) note(m mark) bool {
	switch {
	case q.new.at.IsZero():
		q.old, q.new = m, m
	case m.at.Sub(q.new.at) >= queueSpan:
		q.old, q.new = q.new, m
	}
	span := m.at.Sub(q.old.at)
	return span >= queueSpan && float64(m.waited-q.old.waited) >= starvedShare*float64(span)
}
