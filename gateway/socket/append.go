package socket

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Overhead is the most that a frame of the server adds to its payload, in bytes.
const Overhead = 10

// Append appends a whole frame, whose payload has these parts.
func Append(b *bytes.Buffer, op ws.OpCode, parts ...[]byte) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	appendHeader(b, op, size)
	for _, p := range parts {
		b.Write(p)
	}
}

func appendHeader(b *bytes.Buffer, op ws.OpCode, size int) {
	var room [ws.MaxHeaderSize]byte
	_ = ws.WriteHeaderBuffer(b, ws.Header{Fin: true, OpCode: op, Length: int64(size)}, room[:]) // a Buffer takes all
}

// AppendClose appends a close frame. A reason that does not fit is cut. Without a
// code there is no reason.
func AppendClose(b *bytes.Buffer, code ws.StatusCode, reason string) {
	if code.Empty() {
		Append(b, ws.OpClose)
		return
	}
	var body [2]byte
	binary.BigEndian.PutUint16(body[:], uint16(code))
	Append(b, ws.OpClose, body[:], []byte(truncate(reason)))
}

// CloseCode returns the code of a close frame that Next returned, 0 when it has
// none.
func CloseCode(payload []byte) ws.StatusCode {
	if len(payload) < 2 {
		return 0
	}
	return ws.StatusCode(binary.BigEndian.Uint16(payload))
}

// maxReason is what fits in a close frame beside the code.
const maxReason = ws.MaxControlFramePayloadSize - 2

func truncate(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	const mark = "…"
	cut := maxReason - len(mark)
	for cut > 0 && !utf8.RuneStart(reason[cut]) {
		cut--
	}
	return reason[:cut] + mark
}
