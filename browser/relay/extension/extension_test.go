package extension

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstall(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state", "extension")
	if _, err := Read(folder); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("before: %v", err)
	}
	install := func(port int) Pairing {
		t.Helper()
		if err := Install(folder, "main", port); err != nil {
			t.Fatal(err)
		}
		p, err := Read(folder)
		if err != nil || p.Port != port || len(p.Secret) < 20 {
			t.Fatalf("pairing %+v, %v", p, err)
		}
		return p
	}
	first := install(1)
	if second := install(2); second.Secret != first.Secret {
		t.Error("the secret changed")
	}
	pairing := filepath.Join(folder, pairingFile)
	if err := os.WriteFile(pairing, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(folder); err == nil || !strings.Contains(err.Error(), pairing) {
		t.Errorf("damaged: %v", err)
	}
	if third := install(3); third.Secret == first.Secret {
		t.Error("a secret came back")
	}
}

// TestManifest names what is there, and gives each profile an extension of its own.
func TestManifest(t *testing.T) {
	ids := map[string]string{}
	for _, profile := range []string{"main", "rescue"} {
		folder := t.TempDir()
		if err := Install(folder, profile, 1); err != nil {
			t.Fatal(err)
		}
		body, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Key, Name  string
			Icons      map[string]string
			Background struct {
				Worker string `json:"service_worker"`
			}
		}
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		if k, err := base64.StdEncoding.DecodeString(m.Key); err != nil || string(k) != string(key(profile)) || !strings.Contains(m.Name, profile) {
			t.Errorf("%s: %+v, %v", profile, m, err)
		}
		for _, file := range []string{m.Background.Worker, m.Icons["16"], m.Icons["32"], m.Icons["48"], m.Icons["128"]} {
			if st, err := os.Stat(filepath.Join(folder, file)); err != nil || st.IsDir() {
				t.Errorf("%s: file %q: %v", profile, file, err)
			}
		}
		id := ID(profile)
		if len(id) != 32 || strings.Trim(id, "abcdefghijklmnop") != "" || ids[id] != "" {
			t.Errorf("%s: id %s", profile, id)
		}
		ids[id] = profile
	}
}
