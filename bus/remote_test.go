package bus_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"clawdbot/bus"
	"clawdbot/bus/bustest"
	"clawdbot/bus/subject"
)

// cluster is an outside NATS server with JetStream that takes leaf nodes.
type cluster struct {
	nc   *nats.Conn
	leaf string // its leaf address, with the credentials of a leaf node
}

func startCluster(t *testing.T) cluster {
	t.Helper()
	acc := server.NewAccount("OPS")
	ns, err := server.NewServer(&server.Options{
		ServerName: "outside", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: t.TempDir(), Accounts: []*server.Account{acc},
		Users: []*server.User{
			{Username: "ops", Password: "ops", Account: acc},
			{Username: "leaf", Password: "leaf", Account: acc},
		},
		LeafNode: server.LeafNodeOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT},
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(patience) {
		t.Fatal("the cluster does not start")
	}
	if acc, err = ns.LookupAccount("OPS"); err != nil {
		t.Fatal(err)
	}
	if err := acc.EnableJetStream(nil, nil); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(ns.ClientURL(), nats.UserInfo("ops", "ops"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	v, err := ns.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	u := url.URL{Scheme: "nats-leaf", Host: fmt.Sprintf("127.0.0.1:%d", v.LeafNode.Port), User: url.UserPassword("leaf", "leaf")}
	return cluster{nc: nc, leaf: u.String()}
}

func startJoined(t *testing.T, log *slog.Logger, remotes ...bus.Remote) *bustest.Bus {
	t.Helper()
	sp, err := subject.New("main")
	if err != nil {
		t.Fatal(err)
	}
	return bustest.StartConfig(t, bus.Config{Subjects: sp, Log: log, Remotes: remotes, Members: bus.Members{Users: bustest.Users(sp)}})
}

// crosses publishes subj at from until it is heard at to.
func crosses(t *testing.T, from, to *nats.Conn, subj string) {
	t.Helper()
	sub := listen(t, to, subj)
	eventually(t, subj+" crosses", func() bool {
		publish(t, from, subj)
		_, err := sub.NextMsg(20 * time.Millisecond)
		return err == nil
	})
}

func TestRemoteGetsHealthAndEventsAndSendsMessages(t *testing.T) {
	ops := startCluster(t)
	b := startJoined(t, nil, bus.Remote{Name: "ops", URLs: []string{ops.leaf}})
	svc := b.Conn(t)
	serve(t, svc, "agent", "clawdbot.main.in.crm", answer("accepted"))
	serve(t, svc, "core", "clawdbot.main.rpc.config.get", answer("private"))
	crosses(t, svc, ops.nc, "clawdbot.main.health.beat")
	crosses(t, svc, ops.nc, "clawdbot.main.event.tick")
	eventually(t, "a message from the cluster is accepted", func() bool {
		m, err := ops.nc.Request("clawdbot.main.in.crm", nil, 100*time.Millisecond)
		return err == nil && string(m.Data) == `"accepted"`
	})

	if _, err := ops.nc.Request("clawdbot.main.rpc.config.get", nil, patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("rpc from the cluster: %v", err)
	}
	heard, inside := listen(t, ops.nc, "clawdbot.main.>"), listen(t, svc, "clawdbot.main.>")
	const first, last = "clawdbot.main.event.first", "clawdbot.main.event.last"
	eventually(t, "the cluster's interest is known", func() bool {
		publish(t, svc, first)
		_, err := heard.NextMsg(20 * time.Millisecond)
		return err == nil
	})
	ours := []string{"clawdbot.main.log.info", "clawdbot.main.rpc.x", "clawdbot.main.config.applied", "clawdbot.main.rescue.x"}
	theirs := []string{"clawdbot.main.health.beat", "clawdbot.main.event.chat", "clawdbot.main.rescue.restart", "clawdbot.main.out.x"}
	for i := range ours {
		publish(t, svc, ours[i])
		publish(t, ops.nc, theirs[i])
	}
	flush(t, ops.nc)
	publish(t, svc, last)
	for sub, mayCome := range map[*nats.Subscription][]string{heard: append(theirs, first), inside: append(ours, first)} {
		for m := next(t, sub); m.Subject != last; m = next(t, sub) {
			if !slices.Contains(mayCome, m.Subject) {
				t.Errorf("%s crossed", m.Subject)
			}
		}
	}
}

func TestRemoteKeepsEventsInAStream(t *testing.T) {
	ops := startCluster(t)
	svc := startJoined(t, nil, bus.Remote{Name: "ops", URLs: []string{ops.leaf}}).Conn(t)
	js, err := jetstream.New(ops.nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(within(t, patience), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"clawdbot.main.event.>"}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "an event is in the stream", func() bool {
		publish(t, svc, "clawdbot.main.event.tick")
		m, err := stream.GetLastMsgForSubject(within(t, time.Second), "clawdbot.main.event.tick")
		return err == nil && string(m.Data) == "{}"
	})
}

func TestRemoteSubjectsInEveryForm(t *testing.T) {
	for _, form := range []string{"event", "event.>", "event.*", "event.tick", "clawdbot.main.event.>", "clawdbot.main.event.tick"} {
		t.Run(form, func(t *testing.T) {
			ops := startCluster(t)
			svc := startJoined(t, nil, bus.Remote{Name: "ops", URLs: []string{ops.leaf}, Subjects: []string{form, "rpc.crm.find"}}).Conn(t)
			serve(t, svc, "crm", "clawdbot.main.rpc.crm.find", answer("found"))
			crosses(t, svc, ops.nc, "clawdbot.main.event.tick")
			eventually(t, "the method is answered", func() bool {
				_, err := ops.nc.Request("clawdbot.main.rpc.crm.find", nil, 100*time.Millisecond)
				return err == nil
			})
			heard := listen(t, ops.nc, ">")
			publish(t, svc, "clawdbot.main.health.beat")
			publish(t, svc, "clawdbot.main.event.tick")
			if m := next(t, heard); m.Subject != "clawdbot.main.event.tick" {
				t.Errorf("%s crossed", m.Subject)
			}
		})
	}
}

func TestRemoteAnswersOut(t *testing.T) {
	ops := startCluster(t)
	svc := startJoined(t, nil, bus.Remote{Name: "ops", URLs: []string{ops.leaf}, Subjects: []string{"out"}}).Conn(t)
	serve(t, ops.nc, "connector", "clawdbot.main.out.crm", answer("delivered"))
	eventually(t, "the connector in the cluster delivers", func() bool {
		var got string
		return bus.Call(within(t, 100*time.Millisecond), svc, "clawdbot.main.out.crm", nil, &got) == nil && got == "delivered"
	})
}

// The bus stays up, says what is wrong once, and is updated as ever.
func TestRemoteThatRefusesUs(t *testing.T) {
	ops := startCluster(t)
	var log logBuffer
	b := startJoined(t, log.logger(slog.LevelDebug), bus.Remote{Name: "ops", URLs: []string{strings.Replace(ops.leaf, "leaf:leaf@", "leaf:guess@", 1)}})
	eventually(t, "two attempts", func() bool { return strings.Count(log.String(), "Authorization Violation") >= 2 })
	grant(t, b, crm("crm"))
	publish(t, b.Conn(t), "clawdbot.main.event.tick")
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || strings.Contains(log.String(), "guess") {
		t.Errorf("the log says %d times, and the password %t: %s", n, strings.Contains(log.String(), "guess"), log.String())
	}
}

func TestUpdateKeepsRemotes(t *testing.T) {
	ops := startCluster(t)
	b := startJoined(t, nil, bus.Remote{Name: "ops", URLs: []string{ops.leaf}})
	svc := b.Conn(t)
	for i := range 3 {
		crosses(t, svc, ops.nc, "clawdbot.main.event.tick")
		grant(t, b, crm(fmt.Sprint(i)))
	}
	if stats, err := b.Stats(); err != nil || stats.Links != 1 {
		t.Errorf("%+v, %v", stats, err)
	}
	crosses(t, svc, ops.nc, "clawdbot.main.event.tick")
}

func TestRemotesThatCannotBe(t *testing.T) {
	sp, err := subject.New("main")
	if err != nil {
		t.Fatal(err)
	}
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := []string{"nats-leaf://127.0.0.1:1"}
	for _, c := range []struct {
		remote bus.Remote
		want   string
	}{
		{bus.Remote{URLs: at}, "its name: subject: not a plain token"},
		{bus.Remote{Name: "a b", URLs: at}, "its name"},
		{bus.Remote{Name: "ops"}, "remote ops: has no url"},
		{bus.Remote{Name: "ops", URLs: []string{"host"}}, "no address such as nats-leaf://host:7422"},
		{bus.Remote{Name: "ops", URLs: []string{"nats://u:secret@"}}, "no address"},
		{bus.Remote{Name: "ops", URLs: []string{"nats://u:secret@h:port"}}, "no address"},
		{bus.Remote{Name: "ops", URLs: at, Credentials: "/nowhere.creds"}, "credentials: stat /nowhere.creds"},
		{bus.Remote{Name: "ops", URLs: at, CAPath: "/nowhere.pem"}, "open /nowhere.pem"},
		{bus.Remote{Name: "ops", URLs: at, CAPath: noPEM}, "holds no PEM certificate"},
		{bus.Remote{Name: "ops", URLs: at, CertPath: noPEM}, "both a certificate and a key"},
		{bus.Remote{Name: "ops", URLs: at, KeyPath: noPEM}, "both a certificate and a key"},
		{bus.Remote{Name: "ops", URLs: at, Subjects: []string{"rescue"}}, `"rescue" is no kind of subject of clawdbot.main.>`},
		{bus.Remote{Name: "ops", URLs: at, Subjects: []string{"clawdbot.other.health.>"}}, "is no kind"},
		{bus.Remote{Name: "ops", URLs: at, Subjects: []string{"clawdbot.main.>"}}, "is no"},
		{bus.Remote{Name: "ops", URLs: at, Subjects: []string{"event."}}, "is no subject"},
		{bus.Remote{Name: "ops", URLs: at, Subjects: []string{"event.a b"}}, "is no subject"},
	} {
		s, err := bus.Start(bus.Config{Subjects: sp, Log: slog.New(slog.DiscardHandler), Remotes: []bus.Remote{c.remote}})
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, bus.ErrRemote) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: got %v, want %q", c.remote, err, c.want)
		}
	}
	two := bus.Remote{Name: "ops", URLs: at}
	if _, err := bus.Start(bus.Config{Subjects: sp, Log: slog.New(slog.DiscardHandler), Remotes: []bus.Remote{two, two}}); !errors.Is(err, bus.ErrRemote) {
		t.Errorf("two of one name: %v", err)
	}
}
