// Package extension is the Chrome extension that lends tabs to the relay. It is
// unpacked: Install writes it into a folder, where Chrome loads it from.
package extension

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed files
var files embed.FS

// pairingFile lies beside the extension's own files, which read it.
const pairingFile = "pairing.json"

// ErrNotInstalled says that the extension was never installed in the folder.
var ErrNotInstalled = errors.New("the extension is not installed")

// Pairing is what an installed extension and its gateway have in common.
type Pairing struct {
	Port   int    `json:"port"`   // of the relay on 127.0.0.1
	Secret string `json:"secret"` // never sent: both sides prove that they know it
}

// Install writes the extension of the gateway profile into the folder, which is
// made when needed, for the relay at the port. A secret that is there stays, so
// that an extension which runs is not cut off.
func Install(folder, profile string, port int) error {
	p, err := Read(folder)
	if err != nil || p.Secret == "" {
		p.Secret = rand.Text()
	}
	p.Port = port
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(folder, pairingFile), p); err != nil {
		return err
	}
	root, err := fs.Sub(files, "files")
	if err != nil {
		return err
	}
	all, err := fs.ReadDir(root, ".")
	if err != nil {
		return err
	}
	for _, f := range all {
		body, err := fs.ReadFile(root, f.Name())
		if err == nil && f.Name() == "manifest.json" {
			body, err = manifest(body, profile)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, f.Name()), body, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Read returns the pairing of the extension in the folder, or ErrNotInstalled.
func Read(folder string) (Pairing, error) {
	var p Pairing
	path := filepath.Join(folder, pairingFile)
	body, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, ErrNotInstalled
	}
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return Pairing{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func writeJSON(path string, v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(body, '\n'), 0o600)
}

// manifest gives the extension the profile's key and name, so that one browser
// can have those of several profiles.
func manifest(body []byte, profile string) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, err
	}
	m["key"], _ = json.Marshal(base64.StdEncoding.EncodeToString(key(profile))) // a string always encodes
	m["name"], _ = json.Marshal("Clawdbot Browser Relay (" + profile + ")")
	return json.MarshalIndent(m, "", "  ")
}

// key stands in the manifest where a published extension has its public key. For
// Chrome it is bytes to make an id of: nothing is signed with it.
func key(profile string) []byte { return []byte("clawdbot browser relay " + profile) }

// ID is the id of the gateway profile's extension: the first half of its key's
// SHA-256 in the letters a to p (id_util.cc of Chromium).
func ID(profile string) string {
	sum := sha256.Sum256(key(profile))
	id := []byte(hex.EncodeToString(sum[:16]))
	for i, c := range id {
		if c <= '9' {
			id[i] = c - '0' + 'a'
		} else {
			id[i] = c - 'a' + 'k'
		}
	}
	return string(id)
}
