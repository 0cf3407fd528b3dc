package canvas

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// kind keeps one sort of pass from standing in for the other.
type kind byte

const (
	capability kind = 'u' // part of a URL
	cookie     kind = 'c' // value of a cookie
)

// life says how long a pass of the kind is good.
func (k kind) life() time.Duration {
	if k == capability {
		return 10 * time.Minute
	}
	return 12 * time.Hour
}

// passes signs and checks passes. It is safe for use by many goroutines.
type passes struct{ key [32]byte }

func newPasses() *passes {
	p := new(passes)
	_, _ = rand.Read(p.key[:]) // never fails, as crypto/rand says
	return p
}

// issue returns a new pass, which is URL-safe, and its end.
func (p *passes) issue(k kind) (pass string, end time.Time) {
	end = time.Now().Add(k.life())
	raw := binary.BigEndian.AppendUint64(nil, uint64(end.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(raw, p.sign(k, raw)...)), end
}

// good says whether the pass is one of ours, of the kind, and not at its end.
func (p *passes) good(k kind, pass string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(pass)
	if err != nil || len(raw) != 8+sha256.Size {
		return false
	}
	if !hmac.Equal(raw[8:], p.sign(k, raw[:8])) {
		return false
	}
	return time.Now().UnixMilli() < int64(binary.BigEndian.Uint64(raw))
}

func (p *passes) sign(k kind, end []byte) []byte {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte{byte(k)})
	mac.Write(end)
	return mac.Sum(nil)
}
