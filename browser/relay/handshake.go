package relay

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"github.com/coder/websocket"

	"clawdbot/browser/relay/extension"
)

// proof is what either side sends in the handshake.
type proof struct {
	Proof     string `json:"proof,omitempty"`
	Challenge string `json:"challenge,omitempty"`
}

// Refusals are reasons of a close frame, which the extension shows: 123 bytes.
var (
	errUnpaired = errors.New(`this gateway did not install the extension: run "clawdbot browser extension install"`)
	errProof    = errors.New(`wrong secret: run "clawdbot browser extension install" and load the folder that it names`)
)

// handshake has both sides prove that they know the secret of the installed
// extension, each for a challenge of the other's: any program of the host can call
// itself the extension, and any could listen on the port while the gateway does not.
func (s *Server) handshake(ctx context.Context, conn *websocket.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	paired, err := extension.Read(s.cfg.Folder)
	if err != nil || paired.Secret == "" {
		return errUnpaired
	}
	challenge := rand.Text()
	if err := write(ctx, conn, message{Method: methodChallenge, Params: encode(proof{Challenge: challenge})}); err != nil {
		return err
	}
	var m message
	var told proof
	if err := read(ctx, conn, &m); err != nil {
		return err
	}
	if m.Method != methodProof || json.Unmarshal(m.Params, &told) != nil || !hmac.Equal([]byte(told.Proof), []byte(prove(paired.Secret, "extension "+challenge))) {
		return errProof
	}
	return write(ctx, conn, message{Method: methodProof, Params: encode(proof{Proof: prove(paired.Secret, "relay "+told.Challenge)})})
}

// prove is the HMAC-SHA256 of the text in hexadecimal.
func prove(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}
