package cert

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func mustLoad(t *testing.T, cfg Config) (*tls.Config, string) {
	t.Helper()
	server, fingerprint, err := Load(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return server, fingerprint
}

// serve answers HTTPS on a port of its own.
func serve(t *testing.T, cfg *tls.Config) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler()}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(tls.NewListener(l, cfg)) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return "https://" + l.Addr().String()
}

func get(url string, cfg *tls.Config) error {
	c := http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func TestOwnCertificateStaysAndIsPinned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	own := Config{Dir: dir, Generate: true}
	server, fingerprint := mustLoad(t, own)
	if _, again := mustLoad(t, own); again != fingerprint {
		t.Errorf("another certificate at the next start: %s, %s", fingerprint, again)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "gateway.pem"): 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
	url := serve(t, server)
	if err := get(url, Pinned(fingerprint)); err != nil {
		t.Error(err)
	}
	_, other := mustLoad(t, Config{Dir: t.TempDir(), Generate: true})
	if err := get(url, Pinned(other)); !errors.Is(err, ErrPin) || !strings.Contains(err.Error(), fingerprint) {
		t.Errorf("another pin: %v", err)
	}
	if err := get(url, nil); err == nil {
		t.Error("taken without a pin, though nobody signed it")
	}
}

func TestAnOldCertificateIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gateway.pem")
	if err := generate(Config{Dir: dir, CertPath: path}, time.Now().Add(-2*lifetime)); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(old)
	if _, fingerprint := mustLoad(t, Config{Dir: dir, Generate: true}); fingerprint == Fingerprint(block.Bytes) {
		t.Error("a certificate whose time is over is served")
	}
	given := filepath.Join(t.TempDir(), "given.pem")
	if err := os.WriteFile(given, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(Config{CertPath: given, KeyPath: given, Generate: true}); err == nil || !strings.Contains(err.Error(), "it ended on") {
		t.Errorf("a given one whose time is over: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	junk := filepath.Join(t.TempDir(), "junk.pem")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"nothing":     {Config{Dir: t.TempDir()}, "set tls.autoGenerate"},
		"half a pair": {Config{CertPath: junk, Generate: true}, "go together"},
		"junk":        {Config{CertPath: junk, KeyPath: junk}, "junk.pem: tls: failed to find any PEM data"},
		"no file":     {Config{CertPath: junk + "x", KeyPath: junk}, "no such file"},
	} {
		if _, _, err := Load(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "gateway.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(Config{Dir: broken, Generate: true}); err == nil {
		t.Error("a damaged file was replaced in silence: its pins would be too")
	}
}

func TestParseFingerprint(t *testing.T) {
	plain := strings.Repeat("0a", 32)
	for _, text := range []string{plain, strings.ToUpper(plain), "sha256:" + plain, " " + strings.TrimSuffix(strings.Repeat("0A:", 32), ":")} {
		if got, err := ParseFingerprint(text); err != nil || got != plain {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", plain[2:], plain + "00", strings.Repeat("zz", 32)} {
		if _, err := ParseFingerprint(text); !errors.Is(err, ErrFingerprint) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
