package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"clawdbot/bus/subject"
)

// Remote is an existing NATS cluster that this bus joins as a leaf node.
// Name and URLs are required.
type Remote struct {
	Name        string   // one token, no two the same
	URLs        []string // nats-leaf://host:7422, tls://…, wss://…
	Credentials string   // path of a .creds file; "" when the URL holds what is needed
	CAPath      string   // PEM certificates to trust; "" means the system's
	CertPath    string   // client certificate and key, both or none
	KeyPath     string
	Subjects    []string // what crosses: a kind (health), a part of one (health.>, event.chat) or a subject (clawdbot.main.health.>); nil means DefaultCrossing
}

// DefaultCrossing is what joins a cluster when the config does not say: health
// and events go out, messages for the agent come in.
var DefaultCrossing = []string{"health", "event", "in"}

// ErrRemote says that a remote of the config cannot be used.
var ErrRemote = errors.New("bus: remote")

// remote adds the account that faces the cluster and returns how to join it.
func (a *accounts) remote(r Remote) (*server.RemoteLeafOpts, error) {
	if err := subject.Check(r.Name); err != nil {
		return nil, fmt.Errorf("%w: its name: %w", ErrRemote, err)
	}
	opts, err := r.options()
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrRemote, r.Name, err)
	}
	acc := server.NewAccount("REMOTE_" + r.Name)
	if slices.ContainsFunc(a.all, func(other *server.Account) bool { return other.Name == acc.Name }) {
		return nil, fmt.Errorf("%w %s: there are two of this name", ErrRemote, r.Name)
	}
	a.all = append(a.all, acc)
	opts.LocalAccount = acc.Name
	crossing := r.Subjects
	if crossing == nil {
		crossing = DefaultCrossing
	}
	for _, s := range crossing {
		if err := a.crossRemote(acc, s); err != nil {
			return nil, fmt.Errorf("%w %s: %w", ErrRemote, r.Name, err)
		}
	}
	return opts, nil
}

// options is how to reach the cluster.
func (r Remote) options() (*server.RemoteLeafOpts, error) {
	opts := &server.RemoteLeafOpts{Credentials: r.Credentials}
	for _, raw := range r.URLs {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%q is no address such as nats-leaf://host:7422", redactURL(raw))
		}
		opts.URLs = append(opts.URLs, u)
		opts.TLS = opts.TLS || u.Scheme == "tls" || u.Scheme == "wss"
	}
	if len(opts.URLs) == 0 {
		return nil, errors.New("has no url")
	}
	if r.Credentials != "" {
		if _, err := os.Stat(r.Credentials); err != nil { // the server would find out at each attempt to connect
			return nil, fmt.Errorf("credentials: %w", err)
		}
	}
	if !opts.TLS && r.CAPath == "" && r.CertPath == "" && r.KeyPath == "" {
		return opts, nil
	}
	var err error
	opts.TLS = true
	opts.TLSConfig, err = r.tlsConfig()
	return opts, err
}

// crossRemote opens subjects to the cluster in the direction that their kind
// has: what we publish goes out, what is asked of us comes in.
func (a *accounts) crossRemote(acc *server.Account, name string) error {
	all := a.sp.All()
	own := strings.TrimSuffix(all, ">")
	kind, rest, part := strings.Cut(strings.TrimPrefix(name, own), ".")
	subj := a.sp.Kind(kind)
	if part {
		subj = own + kind + "." + rest
	}
	if !subject.ValidPattern(subj) {
		return fmt.Errorf("%q is no subject", name)
	}
	switch kind {
	case "health", "event", "log", "config":
		if err := a.profile.AddStreamExport(subj, nil); err != nil {
			return err
		}
		return acc.AddStreamImport(a.source(a.profile), subj, "")
	case "in", "rpc", "browser", "canvas", "node":
		return a.service(a.profile, acc, subj)
	case "out":
		return a.service(acc, a.profile, subj)
	}
	return fmt.Errorf("%q is no kind of subject of %s: use health, event, log, config, in, out, rpc, browser, canvas or node", name, all)
}

// service lets account to ask subj of account from.
func (a *accounts) service(from, to *server.Account, subj string) error {
	if err := from.AddServiceExport(subj, nil); err != nil {
		return err
	}
	return to.AddServiceImport(a.source(from), subj, subj)
}

func (r Remote) tlsConfig() (*tls.Config, error) {
	if (r.CertPath == "") != (r.KeyPath == "") {
		return nil, errors.New("a client certificate needs both a certificate and a key")
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.CAPath != "" {
		pem, err := os.ReadFile(r.CAPath)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", r.CAPath)
		}
	}
	if r.CertPath != "" {
		cert, err := tls.LoadX509KeyPair(r.CertPath, r.KeyPath)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}

func redactURL(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return u.Redacted()
	}
	return "(an address that does not parse)"
}
