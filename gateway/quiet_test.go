package gateway

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clawdbot/bus/msg"
)

func TestQuietCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		q := newQuiet(slog.New(slog.NewTextHandler(&b, nil)))
		for range 5 {
			q.say(slog.LevelInfo, "refused", "a")
		}
		q.say(slog.LevelInfo, "refused", "b")
		if n := strings.Count(b.String(), "refused"); n != 2 {
			t.Errorf("%d lines:\n%s", n, &b)
		}
		time.Sleep(sameAgain)
		q.say(slog.LevelInfo, "refused", "a")
		if !strings.Contains(b.String(), "more=4") {
			t.Errorf("no count:\n%s", &b)
		}
		b.Reset()
		for i := range 10 * maxSaid {
			q.say(slog.LevelInfo, "refused", fmt.Sprint(i))
		}
		if n := strings.Count(b.String(), "refused"); n > maxSaid || len(q.said) > maxSaid+1 {
			t.Errorf("%d lines, %d kinds are remembered", n, len(q.said))
		}
		time.Sleep(sameAgain)
		b.Reset()
		q.say(slog.LevelInfo, "refused", "c")
		if !strings.Contains(b.String(), "refused") || len(q.said) > maxSaid {
			t.Errorf("a minute later: %q, %d kinds are remembered", &b, len(q.said))
		}
	})
}

func TestPresenceIsBoundedAndExpires(t *testing.T) {
	p, now := newPeople(), time.Now()
	for i := range maxPresence + 50 {
		p.tell(msg.Presence{Host: fmt.Sprint("h", i), TS: now.Add(time.Duration(i) * time.Second).UnixMilli()})
	}
	all := p.all()
	if len(all) != maxPresence || all["h0"].Host != "" || all["h249"].Host == "" {
		t.Errorf("%d entries, the oldest %q, the newest %q", len(all), all["h0"].Host, all["h249"].Host)
	}
	if p.expire(now.Add(presenceTime)) {
		t.Error("one went too early")
	}
	if !p.expire(now.Add(presenceTime+100*time.Second)) || len(p.all()) >= maxPresence || len(p.all()) == 0 {
		t.Errorf("%d are left", len(p.all()))
	}
	if !p.expire(now.Add(time.Hour)) || len(p.all()) != 0 {
		t.Errorf("%d are left after an hour", len(p.all()))
	}
}
