package bridge

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
)

// probe does what a node does first: it connects, pings and reads the answer.
func (s *Server) probe(ctx context.Context) (string, error) {
	if len(s.slots) == cap(s.slots) { // a node would be sent away; that is no fault of ours
		return fmt.Sprintf("has as many connections as it takes: %d", cap(s.slots)), nil
	}
	addr := s.Addr()
	c, err := new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
	if err != nil {
		return "", err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if err := ping(c); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("ping on %s: %w", addr, err)
	}
	return "answered a ping on " + addr.String(), nil
}

// ping sends a ping and reads the pong.
func ping(c net.Conn) error {
	if _, err := c.Write([]byte(`{"type":"ping","id":"probe"}` + "\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(c, 4<<10)).ReadBytes('\n')
	if err != nil {
		return err
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil || r.Type != "pong" || r.ID != "probe" {
		return fmt.Errorf("answered with %.80q", line)
	}
	return nil
}
