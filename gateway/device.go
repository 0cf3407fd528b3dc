package gateway

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"clawdbot/gateway/frame"
)

// Why a device's proof is refused.
var (
	errDeviceIdentity  = errors.New("device identity mismatch")
	errDeviceSignature = errors.New("device signature invalid")
	errDeviceExpired   = errors.New("device signature expired")
	errDeviceNonce     = errors.New("device nonce mismatch")
	errDeviceNoNonce   = errors.New("device nonce required")
)

// maxSkew is how far a device's clock may be off.
const maxSkew = 10 * time.Minute

// verifyDevice checks that the client holds the key that its device id names.
// A signature without the challenge's nonce could be replayed; only a local
// client, which may have connected before the challenge came, may send one.
func verifyDevice(c frame.Connect, nonce string, local bool) error {
	d := c.Device
	key, err := base64.RawURLEncoding.DecodeString(d.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return errDeviceIdentity
	}
	if sum := sha256.Sum256(key); hex.EncodeToString(sum[:]) != d.ID {
		return errDeviceIdentity
	}
	if time.Since(time.UnixMilli(d.SignedAt)).Abs() > maxSkew {
		return errDeviceExpired
	}
	switch {
	case d.Nonce == "" && !local:
		return errDeviceNoNonce
	case d.Nonce != "" && d.Nonce != nonce:
		return errDeviceNonce
	}
	signature, err := base64.RawURLEncoding.DecodeString(d.Signature)
	if err != nil || !ed25519.Verify(key, []byte(c.SigningText()), signature) {
		return errDeviceSignature
	}
	return nil
}
