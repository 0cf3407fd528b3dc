package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// Remote is an existing NATS cluster that this bus joins as a leaf node.
// Name and URLs are required.
type Remote struct {
	Name        string
	URLs        []string // nats-leaf://host:7422, tls://…, wss://…
	Credentials string   // path of a .creds file; "" when the URL holds what is needed
	CAPath      string   // PEM certificates to trust; "" means the system's
	CertPath    string   // client certificate and key, both or none
	KeyPath     string
	Subjects    []string // kinds that cross, as health, event, in; nil means DefaultCrossing
}

// DefaultCrossing is what joins a cluster when the config does not say: health
// and events go out, messages for the agent come in.
var DefaultCrossing = []string{"health", "event", "in"}

// ErrRemote says that a remote of the config cannot be used.
var ErrRemote = errors.New("bus: remote")

// remote adds the account that faces the cluster and returns how to join it.
func (a *accounts) remote(r Remote) (*server.RemoteLeafOpts, error) {
	acc := server.NewAccount("REMOTE_" + r.Name)
	a.all = append(a.all, acc)
	kinds := r.Subjects
	if kinds == nil {
		kinds = DefaultCrossing
	}
	for _, kind := range kinds {
		if err := a.crossRemote(acc, kind); err != nil {
			return nil, fmt.Errorf("%w %s: %w", ErrRemote, r.Name, err)
		}
	}
	opts := &server.RemoteLeafOpts{LocalAccount: acc.Name, Credentials: r.Credentials}
	for _, raw := range r.URLs {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("%w %s: %q is no address such as nats-leaf://host:7422", ErrRemote, r.Name, redactURL(raw))
		}
		opts.URLs = append(opts.URLs, u)
		opts.TLS = opts.TLS || u.Scheme == "tls" || u.Scheme == "wss"
	}
	if len(opts.URLs) == 0 {
		return nil, fmt.Errorf("%w %s: has no url", ErrRemote, r.Name)
	}
	if !opts.TLS && r.CAPath == "" && r.CertPath == "" {
		return opts, nil
	}
	var err error
	opts.TLS = true
	if opts.TLSConfig, err = r.tlsConfig(); err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrRemote, r.Name, err)
	}
	return opts, nil
}

// crossRemote opens one kind of subject to the cluster in the direction it
// has: what we publish goes out, what is asked of us comes in.
func (a *accounts) crossRemote(acc *server.Account, kind string) error {
	kind = strings.TrimSuffix(kind, ".>")
	subj := a.sp.Kind(kind)
	switch kind {
	case "health", "event", "log", "config":
		if err := a.profile.AddStreamExport(subj, []*server.Account{acc}); err != nil {
			return err
		}
		return acc.AddStreamImport(a.profile, subj, "")
	case "in", "rpc", "browser", "canvas", "node":
		return service(a.profile, acc, subj)
	case "out":
		return service(acc, a.profile, subj)
	}
	return fmt.Errorf("%q is no kind of subject: use health, event, log, config, in, out, rpc, browser, canvas or node", kind)
}

// service lets account to ask subj of account from.
func service(from, to *server.Account, subj string) error {
	if err := from.AddServiceExport(subj, []*server.Account{to}); err != nil {
		return err
	}
	return to.AddServiceImport(from, subj, subj)
}

func (r Remote) tlsConfig() (*tls.Config, error) {
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
