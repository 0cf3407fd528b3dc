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
// A signature without the challenge's nonce could be replayed; where that is
// allowed, a client may have connected before the challenge came.
func verifyDevice(c frame.Connect, nonce string, replayable bool) error {
	d := c.Device
	key, ok := decode64(d.PublicKey, ed25519.PublicKeySize)
	if !ok {
		return errDeviceIdentity
	}
	if sum := sha256.Sum256(key); hex.EncodeToString(sum[:]) != d.ID {
		return errDeviceIdentity
	}
	if time.Since(time.UnixMilli(d.SignedAt)).Abs() > maxSkew {
		return errDeviceExpired
	}
	switch {
	case d.Nonce == "" && !replayable:
		return errDeviceNoNonce
	case d.Nonce != "" && d.Nonce != nonce:
		return errDeviceNonce
	}
	signature, ok := decode64(d.Signature, ed25519.SignatureSize)
	if !ok || !ed25519.Verify(key, []byte(c.SigningText()), signature) {
		return errDeviceSignature
	}
	return nil
}

// decode64 reads size bytes of base64url. Bytes have one text: the library lets
// more pass.
func decode64(text string, size int) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return b, err == nil && len(b) == size && base64.RawURLEncoding.EncodeToString(b) == text
}
