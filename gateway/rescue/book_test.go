package rescue

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clawdbot/bus/msg"
	"clawdbot/profile/store"
)

func TestIncidentsAreKeptAndFound(t *testing.T) {
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := newBook(s, nil)
	if _, err := b.find("last"); err == nil || err.Error() != "there are no incidents" {
		t.Error(err)
	}
	for n := range keepIncidents + 3 {
		i := msg.Incident{ID: fmt.Sprintf("20260102-%06d-main-00aa", n), Peer: "main", State: msg.IncidentResolved}
		if n == 0 {
			i.State = msg.IncidentHeld
		}
		body, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		b.put(kindIncident, i.ID, body)
	}
	if err := b.write(); err != nil {
		t.Fatal(err)
	}
	b.put(kindIncident, "damaged", []byte("{"))
	list, err := b.all()
	if err != nil || len(list) != keepIncidents+3 {
		t.Fatalf("%d, %v", len(list), err)
	}
	b.trim(list)
	if err := b.write(); err == nil {
		t.Error("what is no JSON was written")
	}
	b.put(kindIncident, "damaged", nil)
	if err := b.write(); err != nil {
		t.Fatal(err)
	}
	list, err = newBook(s, nil).all()
	if err != nil || len(list) != keepIncidents || list[0].State != msg.IncidentHeld || list[1].ID != "20260102-000004-main-00aa" {
		t.Fatalf("%d, %v, %v", len(list), err, list[1].ID)
	}
	for id, want := range map[string]string{
		"20260102-000005": "20260102-000005-main-00aa", "last": "20260102-000202-main-00aa",
		"2026": `200 incidents begin with "2026": the first is`, "x": `no incident "x"; the newest is 20260102-000202-main-00aa`, "": `no incident ""`,
	} {
		i, err := b.find(id)
		if got := i.ID + fmt.Sprint(err); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, %v", id, i.ID, err)
		}
	}
}

// TestIncidentsSortByTime also of different peers, within one second.
func TestIncidentsSortByTime(t *testing.T) {
	for n := range 999 {
		now := noon.Add(time.Duration(n) * time.Millisecond)
		first, second := incidentID("work", now), incidentID("main", now.Add(time.Millisecond))
		if first >= second {
			t.Fatalf("%s is later than %s", first, second)
		}
	}
}
