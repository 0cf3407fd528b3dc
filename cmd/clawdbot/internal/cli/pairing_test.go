package cli

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"clawdbot/bus/msg"
	"clawdbot/gateway/frame"
)

// knock connects as a new device that comes through a proxy, which has to wait
// for an operator, and returns its id.
func knock(t *testing.T, port int, token string) (deviceID string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://127.0.0.1:%d", port), &websocket.DialOptions{
		HTTPHeader: http.Header{"X-Forwarded-For": {"192.0.2.9"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	_, first, err := ws.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var challenge struct {
		Payload frame.Challenge `json:"payload"`
	}
	if err := json.Unmarshal(first, &challenge); err != nil {
		t.Fatal(err)
	}
	connect := frame.Connect{
		MinProtocol: 3, MaxProtocol: 3, Role: "operator", Scopes: []string{"operator.read"},
		Client: frame.Client{ID: "test", Mode: "test", Version: "1", Platform: "linux", DisplayName: "my phone"},
		Auth:   frame.Auth{Token: token},
		Device: &frame.Device{
			ID: hex.EncodeToString(sum[:]), PublicKey: base64.RawURLEncoding.EncodeToString(public),
			SignedAt: time.Now().UnixMilli(), Nonce: challenge.Payload.Nonce,
		},
	}
	connect.Device.Signature = base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(connect.SigningText())))
	params, err := json.Marshal(connect)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(frame.Request{Type: "req", ID: "1", Method: "connect", Params: params})
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.Write(ctx, websocket.MessageText, body); err != nil {
		t.Fatal(err)
	}
	_, answer, err := ws.Read(ctx)
	if err != nil || !strings.Contains(string(answer), "NOT_PAIRED") {
		t.Fatalf("the device was let in: %s, %v", answer, err)
	}
	return connect.Device.ID
}

func TestDevices(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.gateway(p, 0)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "devices"}, args...)...)
	}
	on().wants(0, "knows no device, and none waits", "")
	on("approve", "--latest").wants(1, "", "no device waits\ntry: clawdbot --profile main devices list\n")
	on("revoke", "3f9c").wants(1, "", `no paired device "3f9c": there is none`)

	id := knock(t, h.base, secretOf(t, p))
	on().wants(0, "my phone", "").wants(0, "try: clawdbot --profile main devices approve ", "")
	on("approve", "nosuch").wants(1, "", `no waiting request "nosuch"; there are: `)
	on("approve", "--latest").wants(0, "may connect now.", "")
	var list msg.DevicePairings
	on("list", "--json").wants(0, "", "").into(&list)
	if len(list.Pending) != 0 || len(list.Paired) != 1 || list.Paired[0].DeviceID != id {
		t.Fatalf("%+v", list)
	}
	on().wants(0, id[:12], "").wants(0, "operator:read", "")
	knock(t, h.base, secretOf(t, p))
	on("reject", "--latest").wants(0, "was refused.", "")
	on("remove", id[:6]).wants(0, "is forgotten.", "")
	on("list", "--json").wants(0, `"paired": []`, "")
}

func TestNodes(t *testing.T) {
	h := newHome(t)
	h.gateway(h.setup("main", h.base), 0)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "nodes"}, args...)...)
	}
	on().wants(0, "Profile main has no node.", "")
	on("pending").wants(0, "No node waits for profile main.", "")
	h.run("--profile", "main", "gateway", "call", "node.pair.request", "--params",
		`{"nodeId": "n-1", "displayName": "Kitchen", "platform": "ios", "commands": ["canvas.navigate"]}`).wants(0, "pending", "")
	on("pending").wants(0, "Kitchen", "")
	on("pending", "--json").wants(0, `"nodeId": "n-1"`, "")
	on("approve", "--latest").wants(0, "may connect now.", "")
	on().wants(0, "n-1", "").wants(0, "away", "")
	on("describe", "kitchen").wants(0, "Kitchen is away", "").wants(0, "canvas.navigate", "")
	on("describe", "cellar").wants(1, "", `no node "cellar"; there are: n-1`)
	on("rename", "n-1", "Cellar").wants(0, "Node n-1 is called Cellar.", "")
	on("invoke", "cellar", "canvas.navigate").wants(1, "", "not connected")
	var refused struct{ Code string }
	on("invoke", "cellar", "canvas.navigate", "--json").wants(1, "", "").into(&refused)
	if refused.Code != "UNAVAILABLE" {
		t.Errorf("%+v", refused)
	}
}

func TestCron(t *testing.T) {
	h := newHome(t)
	h.gateway(h.setup("main", h.base), 0)
	on := func(args ...string) result {
		t.Helper()
		return h.run(append([]string{"--profile", "main", "cron"}, args...)...)
	}
	on().wants(0, "Profile main has no job.", "")
	on("add", "--name", "tea", "--at", "20m", "--system-event", "the tea is ready").wants(0, "is made: at ", "")
	var job msg.CronJob
	on("add", "--name", "standup", "--cron", "0 9 * * 1-5", "--tz", "UTC", "--message", "what is on today?", "--json").wants(0, "", "").into(&job)
	if job.Name != "standup" || !job.Enabled || job.Schedule.TZ != "UTC" {
		t.Errorf("%+v", job)
	}
	on("add", "--name", "bad", "--cron", "every day", "--message", "x").wants(1, "", "must have the 5 fields")
	on("status").wants(0, "Profile main has 2 jobs", "")
	on().wants(0, "the tea is ready", "").wants(0, "0 9 * * 1-5 UTC", "")
	on("disable", "standup").wants(0, "is off.", "")
	if r := on(); strings.Contains(r.out, "standup") {
		t.Errorf("one that is off is listed:\n%s", r.out)
	}
	on("--all").wants(0, "standup", "")
	on("enable", "standup", "--json").wants(0, `"enabled": true`, "")
	on("run", "tea").wants(0, " runs.", "")
	await(t, "the run", func() bool { return on("runs", "standup").code == 0 && on("runs", "tea", "--json").code == 0 })
	on("runs", "nosuch").wants(1, "", `no job "nosuch"; there are: `)
	on("rm", "standup").wants(0, "is removed.", "")
	on("--all", "--json").wants(0, "", "")
}
