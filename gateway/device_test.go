package gateway

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"testing"
	"time"

	"clawdbot/gateway/frame"
)

// FuzzVerifyDevice changes one word of a proof that is right: only the right one
// is taken.
func FuzzVerifyDevice(f *testing.F) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	sum := sha256.Sum256(public)
	right := frame.Connect{Role: frame.RoleOperator, Client: frame.Client{ID: "test", Mode: "test"}, Device: &frame.Device{
		ID: hex.EncodeToString(sum[:]), PublicKey: base64.RawURLEncoding.EncodeToString(public), SignedAt: time.Now().UnixMilli(), Nonce: "n",
	}}
	right.Device.Signature = base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(right.SigningText())))
	if err := verifyDevice(right, "n", false); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "=", "n", "|", "AAAA", right.Device.ID, right.Device.PublicKey + "\n", right.Device.Signature + "\r"} {
		for field := range uint8(4) {
			f.Add(field, seed)
		}
	}
	f.Fuzz(func(t *testing.T, field uint8, word string) {
		changed, device := right, *right.Device
		changed.Device = &device
		place := []*string{&device.ID, &device.PublicKey, &device.Signature, &device.Nonce}[field%4]
		same := *place == word
		*place = word
		if err := verifyDevice(changed, "n", false); (err == nil) != same {
			t.Fatalf("field %d as %q: %v", field%4, word, err)
		}
	})
}
