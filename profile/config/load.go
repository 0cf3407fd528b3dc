package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"syscall"

	"clawdbot/profile/config/json5"
)

// maxFile bounds a config file, so that a wrong $include cannot fill the memory.
const maxFile = 4 << 20

// Options say what to load. Only Path is required.
type Options struct {
	Path          string                      // the config file, absolute
	DotEnv        string                      // the profile's .env file; empty or missing means none
	LookupEnv     func(string) (string, bool) // the environment; nil means an empty one
	HasCredential bool                        // a gateway token or password comes from outside the file
}

// Loaded is a config with its origin.
type Loaded struct {
	Config   Config
	Path     string
	Text     []byte         // the root file as read
	Hash     string         // SHA-256, hex, of the root file and its includes
	Env      string         // SHA-256, hex, of the .env file; "" when there is none
	Files    []string       // the root file and its includes, in the order read
	Tree     map[string]any // the values as written, after $include and ${VAR}, without defaults
	Issues   []Issue        // what refuses it; then Config is zero
	Warnings []Issue
	Exists   bool // false when there is no file, and all is default

	sources []File
	partial *Config // what could be read, over the defaults; nil when nothing could
}

// File is one file as read.
type File struct {
	Path string `json:"path"`
	Text []byte `json:"text"`
}

// Load reads the config. A missing file gives the defaults. A config that cannot be used gives
// an *Error and, for showing it, a Loaded whose Config is zero; any other error gives no Loaded.
func Load(o Options) (*Loaded, error) {
	return load(o, ReadFile)
}

// LoadText is Load for the config that the file would be with the text. Its includes are read from disk.
func LoadText(o Options, text []byte) (*Loaded, error) {
	o.Path = filepath.Clean(o.Path)
	return load(o, withRoot(o.Path, text))
}

// load is Load with the files from read.
func load(o Options, read func(path string) ([]byte, error)) (*Loaded, error) {
	o.Path = filepath.Clean(o.Path)
	root, err := read(o.Path)
	if errors.Is(err, fs.ErrNotExist) {
		cfg := Default()
		return &Loaded{Config: cfg, Path: o.Path, Hash: hash(o.Path, nil), Env: sum(o.DotEnv), Tree: map[string]any{}, partial: &cfg}, nil
	}
	if err != nil {
		return nil, err
	}
	r := &resolver{read: read, files: []File{{o.Path, root}}}
	env := newEnvironment(o, &r.report)
	l := &Loaded{Path: o.Path, Env: sum(o.DotEnv), Text: root, Exists: true}
	cfg := Default()
	if tree := r.root(root); tree != nil {
		r.substitute(tree, env)
		d := decoder{report: &r.report}
		d.decode(tree, reflect.ValueOf(&cfg).Elem(), "", nil)
		d.reportUnused()
		if len(r.errors) == 0 {
			checkRules(&cfg, tree, o.HasCredential, &r.report)
		}
		l.Tree, _ = tree.Value().(map[string]any)
		if len(r.errors) < maxIssues { // else not all that is wrong is known
			l.partial = &cfg
		}
	}
	l.sources, l.Hash, l.Warnings = r.files, hash(o.Path, r.files), r.warnings
	for _, f := range r.files {
		l.Files = append(l.Files, f.Path)
	}
	if l.Issues = r.errors; len(l.Issues) > 0 {
		return l, &Error{Issues: l.Issues}
	}
	l.Config = cfg
	return l, nil
}

// ReadFile reads a regular file of at most 4 MiB. Anything else is an error at once: a pipe does not keep it waiting.
func ReadFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch info, err := f.Stat(); {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// sum tells one text of the .env file from another.
func sum(dotEnv string) string {
	text, err := ReadFile(dotEnv)
	if err != nil { // there is none, or load tells why it cannot be read
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// hash covers all files; for a file without includes it is what sha256sum prints. Includes count
// by their path from the root file's folder, so that a moved folder keeps its hash.
func hash(root string, files []File) string {
	h := sha256.New()
	for i, f := range files {
		if i > 0 {
			name := f.Path
			if rel, err := filepath.Rel(filepath.Dir(root), f.Path); err == nil {
				name = rel
			}
			fmt.Fprintf(h, "\x00%s\x00%d\x00", filepath.ToSlash(name), len(f.Text))
		}
		h.Write(f.Text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Effective is Tree over the defaults.
func (l *Loaded) Effective() map[string]any {
	defaults, _ := plain(reflect.ValueOf(Default())).(map[string]any)
	merged, _ := overlay(defaults, l.Tree).(map[string]any)
	return merged
}

// Lookup is the effective value at a path such as agents.list[0].id. It is false for what is
// neither set nor has a default, and an error for a path that cannot be read.
func (l *Loaded) Lookup(path string) (any, bool, error) {
	steps, err := json5.ParsePath(path)
	if err != nil {
		return nil, false, err
	}
	v, ok := steps.In(l.Effective())
	return v, ok, nil
}

// overlay is over where it is set, else base, key by key. Neither is changed.
func overlay(base, over any) any {
	b, baseIsObject := base.(map[string]any)
	o, overIsObject := over.(map[string]any)
	if !baseIsObject || !overIsObject {
		return over
	}
	merged := make(map[string]any, len(b)+len(o))
	for k, v := range b {
		merged[k] = v
	}
	for k, v := range o {
		if under, ok := b[k]; ok {
			v = overlay(under, v)
		}
		merged[k] = v
	}
	return merged
}
