// Package cert is the certificate of a TLS listener of a profile, and how its
// clients on this host and elsewhere know it: by its fingerprint, for a
// self-signed one has nobody else to vouch for it.
package cert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Why there is no certificate, or not the one that was pinned.
var (
	ErrNone        = errors.New("no certificate: give tls.certPath and tls.keyPath, or set tls.autoGenerate")
	ErrFingerprint = errors.New("not a SHA-256 fingerprint: 64 hex digits, with or without colons")
	ErrPin         = errors.New("the certificate is not the pinned one")
)

// Config says where the certificate is. Both paths, or Dir with Generate, are
// required.
type Config struct {
	CertPath string // PEM certificate chain
	KeyPath  string // PEM private key
	Dir      string // where a certificate of our own is kept
	Generate bool   // make it when there is none, or its time is over
}

// lifetime is that of a certificate of our own: a pin lives as long.
const lifetime = 10 * 365 * 24 * time.Hour

// Load returns the server's side of TLS and the fingerprint of its certificate.
func Load(cfg Config) (*tls.Config, string, error) {
	own := cfg.CertPath == "" && cfg.KeyPath == ""
	switch {
	case own && !cfg.Generate:
		return nil, "", ErrNone
	case own:
		cfg.CertPath = filepath.Join(cfg.Dir, "gateway.pem") // with its key
		cfg.KeyPath = cfg.CertPath
	case cfg.CertPath == "" || cfg.KeyPath == "":
		return nil, "", errors.New("tls.certPath and tls.keyPath go together: one is missing")
	}
	pair, err := tls.LoadX509KeyPair(cfg.CertPath, cfg.KeyPath)
	if own && (errors.Is(err, fs.ErrNotExist) || err == nil && time.Now().After(pair.Leaf.NotAfter)) {
		if err := generate(cfg, time.Now()); err != nil {
			return nil, "", fmt.Errorf("make a certificate: %w", err)
		}
		pair, err = tls.LoadX509KeyPair(cfg.CertPath, cfg.KeyPath)
	}
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("certificate %s: %w", cfg.CertPath, err)
	case time.Now().After(pair.Leaf.NotAfter):
		return nil, "", fmt.Errorf("certificate %s: it ended on %s", cfg.CertPath, pair.Leaf.NotAfter.Format(time.DateOnly))
	}
	server := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	return server, Fingerprint(pair.Leaf.Raw), nil
}

// generate writes a self-signed certificate and its key, in one file.
func generate(cfg Config, now time.Time) error {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{ // CreateCertificate makes the serial number
		Subject:   pkix.Name{CommonName: "clawdbot gateway"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if host, err := os.Hostname(); err == nil {
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	file := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	temp, err := os.CreateTemp(cfg.Dir, "gateway-*.tmp") // 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(file)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), cfg.CertPath)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// Fingerprint is the SHA-256 of a certificate in DER, in lower-case hex.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// ParseFingerprint reads a fingerprint as people write it, with colons, in
// capitals or after "sha256:". It returns ErrFingerprint for anything else.
func ParseFingerprint(text string) (string, error) {
	text = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "sha256:")
	text = strings.ReplaceAll(text, ":", "")
	if b, err := hex.DecodeString(text); err != nil || len(b) != sha256.Size {
		return "", ErrFingerprint
	}
	return text, nil
}

// Pinned is the client's side of TLS towards the one server whose certificate
// has the fingerprint; neither its name nor who signed it matters then. The
// handshake with another one fails with ErrPin.
func Pinned(fingerprint string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection is stricter
		VerifyConnection: func(s tls.ConnectionState) error {
			got := Fingerprint(s.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare([]byte(got), []byte(fingerprint)) != 1 {
				return fmt.Errorf("%w: it has the fingerprint %s", ErrPin, got)
			}
			return nil
		},
	}
}
