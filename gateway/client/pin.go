package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"clawdbot/profile/cert"
)

// pinned trusts the one certificate with the fingerprint, whoever signed it.
func pinned(url, fingerprint string) (*tls.Config, error) {
	if !strings.HasPrefix(url, "wss://") {
		return nil, fmt.Errorf("a certificate is pinned, but %s has none: use wss://", url)
	}
	pin, err := cert.ParseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	return cert.Pinned(pin), nil
}

// distrust is what people need to know of a certificate that failed, or nil
// when the error is about something else.
func distrust(err error) error {
	var pin *tls.CertificateVerificationError
	switch {
	case errors.As(err, &pin) && len(pin.UnverifiedCertificates) > 0:
		seen := cert.Fingerprint(pin.UnverifiedCertificates[0].Raw)
		return fmt.Errorf("%w: %w; its fingerprint is %s", ErrCertificate, pin.Err, seen)
	case errors.Is(err, cert.ErrPin):
		_, found, _ := strings.Cut(err.Error(), cert.ErrPin.Error()+": ")
		return fmt.Errorf("%w: %w: %s", ErrCertificate, cert.ErrPin, found)
	}
	return nil
}
