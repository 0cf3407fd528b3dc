package gateway

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"clawdbot/bus/subject"
)

// answers is a directory with services that answer when the test says so.
type answers struct {
	*testing.T
	*directory
}

func newAnswers(t *testing.T) answers {
	t.Helper()
	sp, err := subject.New("main")
	if err != nil {
		t.Fatal(err)
	}
	return answers{t, newDirectory(sp, "_INBOX.x")}
}

func (a answers) answer(inbox, id string, methods ...string) {
	a.Helper()
	info := micro.Info{ServiceIdentity: micro.ServiceIdentity{ID: id}}
	for _, m := range methods {
		info.Endpoints = append(info.Endpoints, micro.EndpointInfo{Subject: "clawdbot.main.rpc." + m})
	}
	body, err := json.Marshal(info)
	if err != nil {
		a.Fatal(err)
	}
	a.hear(&nats.Msg{Subject: inbox, Data: body})
}

func (a answers) has(want ...string) {
	a.Helper()
	if got := a.list(); !slices.Equal(got, want) {
		a.Errorf("the list is %v, want %v", got, want)
	}
}

func TestLateAnswerDoesNotBringAMethodBack(t *testing.T) {
	d, now := newAnswers(t), time.Now()
	first := d.begin(now)
	d.answer(first, "a", "weather.get", "weather.set")
	second := d.begin(now)
	d.forget("weather.get")
	d.has("weather.set")
	d.answer(second, "a", "weather.get", "weather.set") // asked before it was forgotten
	d.answer(first, "b", "weather.get", "other")        // of another service, and older still
	d.has("other", "weather.set")
	third := d.begin(now)
	d.answer(third, "a", "weather.get", "weather.set")
	d.has("other", "weather.get", "weather.set")
	d.answer(second, "a", "weather.set") // overtaken by the third
	d.has("other", "weather.get", "weather.set")
	if len(d.forgotten) != 0 {
		t.Errorf("still kept as forgotten: %v", d.forgotten)
	}
}

// A client can begin rounds faster than services answer.
func TestFloodOfRoundsKeepsTheList(t *testing.T) {
	d, now := newAnswers(t), time.Now()
	inbox := d.begin(now)
	d.answer(inbox, "a", "weather.get")
	for i := range 1000 {
		d.forget("made.up")
		asked := d.begin(now.Add(time.Duration(i) * silentFor / 2000))
		if i%300 == 0 {
			inbox = asked
		}
	}
	d.has("weather.get")
	d.answer(inbox, "a", "weather.get", "weather.set") // a hundred rounds late
	d.has("weather.get", "weather.set")
	if len(d.forgotten) != 0 {
		t.Errorf("a client's names are kept: %v", d.forgotten)
	}
}

func TestSilentServiceIsForgotten(t *testing.T) {
	d, now := newAnswers(t), time.Now()
	d.answer(d.begin(now), "a", "weather.get")
	d.answer(d.begin(now.Add(time.Hour)), "a", "weather.get") // long quiet is not silence
	d.begin(now.Add(2 * time.Hour))
	d.begin(now.Add(2*time.Hour + silentFor))
	d.has("weather.get")
	d.begin(now.Add(2*time.Hour + silentFor + 1))
	d.has()
}

func TestOddAnswersAreIgnored(t *testing.T) {
	d := newAnswers(t)
	inbox := d.begin(time.Now())
	d.answer("_INBOX.x.y", "a", "one")
	d.answer(inbox, "", "two")
	d.answer(inbox, "b", "*", "three.>", "four")
	d.hear(&nats.Msg{Subject: inbox, Data: []byte("junk")})
	d.has("four")
}
