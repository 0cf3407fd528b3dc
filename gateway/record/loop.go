package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"clawdbot/bus/msg"
	"clawdbot/bus/subject"
	"clawdbot/profile/tape"
)

const (
	// batchBytes is when a batch is written before its window ends.
	batchBytes = 256 << 10
	// entryBytes is about what an entry weighs beside its body.
	entryBytes = 256
	// wholeBeat is how many beats that say the same come until one is kept whole.
	wholeBeat = 40
	// maxLooks is how often in a window it is looked up who has got a request.
	maxLooks = 25
	// flushTime bounds the wait for the server.
	flushTime = 500 * time.Millisecond
	// secretsEvery is how often the secrets are asked for.
	secretsEvery = time.Second
)

// proves is the note that stands for no gap.
const proves = "nothing is missing: the recorder proves that it can write"

// begin notes that the recording begins.
func (s *Server) begin() {
	s.note(s.cfg.Subjects.All(), "the recording begins: what came between the entry before this one and now is missing")
}

// end keeps what has reached the recorder and notes that no more comes.
func (s *Server) end(why string) {
	_ = s.nc.FlushTimeout(flushTime) // what the server has sent by now is here after it; it fails when the bus is gone
	s.collect()
	s.note(s.cfg.Subjects.All(), "the recording ends: "+why)
	s.write()
}

// answer writes what has reached the recorder. To prove that it is on the disk
// it reads the newest entry back, which is a note when there is no other.
func (s *Server) answer(a ask) error {
	s.collect()
	if a.prove && len(s.batch) == 0 && s.newest.Equal(s.proven) {
		s.note(s.cfg.Subjects.All(), proves)
	}
	s.write()
	if !a.prove || s.failed != nil {
		return s.failed
	}
	got, err := s.ring.Last()
	if err == nil && !got.At.Equal(s.newest) {
		err = errors.New("another entry was read than the one that was written")
	}
	s.proven = s.newest
	return err
}

// collect keeps what has reached the recorder.
func (s *Server) collect() {
	for {
		select {
		case m := <-s.incoming:
			s.keep(m)
		default:
			return
		}
	}
}

// note puts a sentence on what is missing into the recording.
func (s *Server) note(subj, sentence string) {
	s.add(tape.Entry{At: s.now(), Subject: subj, Gap: sentence})
}

// now is the time of a new entry: whole microseconds, no two alike.
func (s *Server) now() time.Time {
	now := time.Now().UTC().Truncate(time.Microsecond)
	if ahead := s.last.Sub(now); ahead >= 0 && ahead < time.Second { // more is a clock that was set back
		now = s.last.Add(time.Microsecond)
	}
	s.last = now
	return now
}

// keep takes one message in.
func (s *Server) keep(m *nats.Msg) {
	s.arm()
	t := s.tapOf(m)
	if t != nil {
		t.took(m)
	}
	if s.repeats(t, m.Subject) {
		return
	}
	if m.Reply != "" && s.alone(m.Subject) {
		s.sayNobody(m)
	}
	body := m.Data
	if subject.BeatOf(m.Subject) != "" {
		body = s.thin(m.Subject, body)
	}
	e := s.redactor().NewEntry(s.now(), m.Subject, m.Header, body)
	e.Request, e.Size = m.Reply != "", len(m.Data)
	s.mu.Lock()
	s.count.kinds[e.Of()]++
	s.mu.Unlock()
	s.add(e)
}

// tapOf is the tap that a message came from; nil for one that was opened anew since.
func (s *Server) tapOf(m *nats.Msg) *tap {
	i := slices.IndexFunc(s.taps, func(t *tap) bool { return t.sub == m.Sub })
	if i < 0 {
		return nil
	}
	return s.taps[i]
}

// repeats says whether a message is left out: pings, and one's own beats, which
// come from two taps.
func (s *Server) repeats(t *tap, subj string) bool {
	sp := s.cfg.Subjects
	return subj == sp.Ping() || subj == sp.Beat() && t != nil && t.pattern == sp.Healths()
}

// alone says whether nobody else has got a message on the subject. The look is
// dear, so its answer holds for a window, and there are few in one; one too many
// finds that somebody has.
func (s *Server) alone(subj string) bool {
	if s.cfg.Served == nil || s.heard[subj] || slices.Contains(s.own, subj) || s.looks == maxLooks {
		return false
	}
	s.looks++
	s.heard[subj] = s.cfg.Served(subj, s.cid)
	return !s.heard[subj]
}

// sayNobody answers as the server would have done: its header, of the status 503.
func (s *Server) sayNobody(m *nats.Msg) {
	reply := nats.NewMsg(m.Reply)
	reply.Header.Set("Status", "503")
	_ = s.nc.PublishMsg(reply) // fails only when the bus is gone
}

// beat is the last whole beat of one gateway.
type beat struct {
	same  msg.Beat // without what every beat has anew
	since int      // beats since
}

// thin returns the number of a beat that says the same as the last one, and the
// body of any other.
func (s *Server) thin(subj string, body []byte) []byte {
	var now msg.Beat
	if json.Unmarshal(body, &now) != nil {
		return body
	}
	same := now
	same.Seq, same.MonoMs, same.TS = 0, 0, 0
	last := s.beats[subj]
	if last == nil || last.since == wholeBeat-1 || !reflect.DeepEqual(last.same, same) {
		s.beats[subj] = &beat{same: same}
		return body
	}
	last.since++
	return fmt.Appendf(nil, `{"seq":%d,"monoMs":%d}`, now.Seq, now.MonoMs)
}

// redactor is one that knows the secrets of about now.
func (s *Server) redactor() *tape.Redactor {
	if now := time.Now(); s.hide == nil || now.Sub(s.hideAt) >= secretsEvery {
		var known []string
		if s.cfg.Secrets != nil {
			known = s.cfg.Secrets()
		}
		s.hide, s.hideAt = tape.NewRedactor(known), now
	}
	return s.hide
}

// add puts an entry into the batch.
func (s *Server) add(e tape.Entry) {
	s.arm()
	s.batch = append(s.batch, e)
	if s.weight += entryBytes + len(e.Message()); s.weight >= batchBytes {
		s.write()
	}
}

// arm lets the window end, in which something happened.
func (s *Server) arm() {
	if !s.armed {
		s.due.Reset(window)
		s.armed = true
	}
}

// turn ends a window: it gives new credit and writes the batch. Credit is given
// only when all that the server has sent is counted; a server that is too busy to
// say so gets its turn in the next window.
func (s *Server) turn() {
	s.armed, s.looks = false, 0
	clear(s.heard)
	if err := s.nc.FlushTimeout(flushTime); err != nil {
		s.arm()
	} else {
		s.collect()
		for _, t := range s.taps {
			s.refill(t)
		}
	}
	s.write()
}

func (s *Server) refill(t *tap) {
	short, err := t.refill(s.nc, s.incoming)
	if err != nil {
		return // the connection is closed: Run ends
	}
	switch {
	case short && !t.lossy:
		s.cfg.Log.Warn("more messages come than are recorded", "subject", t.pattern)
		s.note(t.pattern, fmt.Sprintf("from here on messages are missing, nobody knows how many: more came than the %d in %s that are kept", t.limit, window))
		s.mu.Lock()
		s.count.gaps++
		s.count.flooded++
		s.mu.Unlock()
	case !short && t.lossy:
		s.note(t.pattern, "from here on no message is missing")
		s.mu.Lock()
		s.count.flooded--
		s.mu.Unlock()
	}
	if t.lossy = short; short {
		s.arm() // to find the flood's end
	}
}

// write writes the batch. What the disk refuses is lost, and told in its place
// when it takes some again.
func (s *Server) write() {
	if len(s.batch) == 0 {
		return
	}
	n := len(s.batch)
	if s.lost > 0 {
		note := tape.Entry{At: s.batch[0].At, Subject: s.cfg.Subjects.All(), Gap: fmt.Sprintf("%d entries before this one could not be written", s.lost)}
		s.batch = slices.Insert(s.batch, 0, note)
	}
	if s.failed = s.ring.Append(s.batch...); s.failed != nil {
		s.lost += n
		s.mu.Lock()
		s.count.lost += int64(n)
		s.mu.Unlock()
		s.health.Set(msg.StateDegraded, "nothing is recorded: "+s.failed.Error())
	} else {
		s.newest, s.lost = s.batch[len(s.batch)-1].At, 0
		s.health.Set(msg.StateOK, "")
	}
	clear(s.batch)
	s.batch, s.weight = s.batch[:0], 0
}
