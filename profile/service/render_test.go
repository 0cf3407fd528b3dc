package service

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func specs() map[string]map[Kind]Spec {
	unix := Spec{
		Profile: DefaultProfile, Exe: "/usr/local/bin/clawdbot", Args: []string{"gateway", "run"},
		Home: "/home/ann", LogDir: "/home/ann/.clawdbot/logs",
	}
	windows := Spec{
		Profile: DefaultProfile, Exe: `C:\clawdbot.exe`, Args: []string{"gateway", "run"},
		Home: `C:\Users\ann`, LogDir: `C:\Users\ann\.clawdbot\logs`,
	}
	odd := Spec{
		Profile: "rescue", Exe: "/opt/50% off/$HOME/clawdbot", Args: []string{"--profile", "rescue", "gateway", "run", "", `"q" $HOME a\`},
		Env:  map[string]string{"CLAWDBOT_STATE_DIR": "/srv/80% <full>", "CLAWDBOT_CONFIG_PATH": `/etc/ü "x".json`},
		Home: "/home/ann b&c", LogDir: "/srv/80% <full>/logs",
	}
	oddWindows := Spec{
		Profile: "rescue", Exe: `C:\Program Files\50% off\clawdbot.exe`, Args: []string{"--profile", "rescue", "gateway", "run", "", `say "hi" \`},
		Home: `C:\Users\ann ü&<b>`, LogDir: `C:\Users\ann\logs`,
	}
	return map[string]map[Kind]Spec{
		"default": {Systemd: unix, Launchd: unix, Schtasks: windows},
		"rescue":  {Systemd: odd, Launchd: odd, Schtasks: oddWindows},
	}
}

func testHost(t *testing.T, kind Kind) *Host {
	t.Helper()
	h, err := New(kind, func(key string) string {
		return map[string]string{"HOME": "/home/ann", "LOCALAPPDATA": "/local"}[key]
	})
	if err != nil {
		t.Fatal(err)
	}
	h.account = `PC\ann`
	return h
}

func TestRenderGolden(t *testing.T) {
	for name, kinds := range specs() {
		for kind, spec := range kinds {
			file, err := testHost(t, kind).Render(spec)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+"."+string(kind))
			if *update {
				if err := os.WriteFile(golden, []byte(file.Content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if file.Content != string(want) {
				t.Errorf("%s: %s", golden, unified(golden, want, file.Content))
			}
		}
	}
}

func TestRenderXML(t *testing.T) {
	for _, kind := range []Kind{Launchd, Schtasks} {
		spec := specs()["rescue"][kind]
		file, err := testHost(t, kind).Render(spec)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		decoder := xml.NewDecoder(strings.NewReader(file.Content))
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if text, ok := token.(xml.CharData); ok {
				texts = append(texts, string(text))
			}
		}
		if !strings.Contains(strings.Join(texts, "|"), "|"+spec.Home+"|") {
			t.Errorf("%s lost %q in %q", kind, spec.Home, texts)
		}
	}
}

func TestName(t *testing.T) {
	for _, test := range []struct {
		kind          Kind
		profile, want string
	}{
		{Systemd, "default", "clawdbot-gateway.service"},
		{Systemd, "rescue", "clawdbot-gateway-rescue.service"},
		{Systemd, "gateway", "clawdbot-gateway-gateway.service"},
		{Launchd, "default", "com.clawdbot.gateway"},
		{Launchd, "rescue", "com.clawdbot.rescue"},
		{Schtasks, "default", "Clawdbot Gateway"},
		{Schtasks, "rescue", "Clawdbot Gateway (rescue)"},
	} {
		if got, err := Name(test.kind, test.profile); err != nil || got != test.want {
			t.Errorf("Name(%s, %s) = %q, %v; want %q", test.kind, test.profile, got, err, test.want)
		}
	}
	for _, profile := range []string{"", "Main", "a/b", "../x", "a'b", "-x", strings.Repeat("a", 64)} {
		if name, err := Name(Systemd, profile); err == nil {
			t.Errorf("Name(%q) = %q, want an error", profile, name)
		}
	}
	if _, err := Name(Launchd, "gateway"); err == nil || !strings.Contains(err.Error(), "choose another") {
		t.Errorf("profile gateway on launchd: %v", err)
	}
}

func TestRenderPath(t *testing.T) {
	for kind, want := range map[Kind]string{
		Systemd:  "/home/ann/.config/systemd/user/clawdbot-gateway.service",
		Launchd:  "/home/ann/Library/LaunchAgents/com.clawdbot.gateway.plist",
		Schtasks: "/local/clawdbot/tasks/Clawdbot Gateway.xml",
	} {
		file, err := testHost(t, kind).Render(specs()["default"][kind])
		if err != nil || filepath.ToSlash(file.Path) != want {
			t.Errorf("%s: %q, %v; want %q", kind, file.Path, err, want)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		kind   Kind
		change func(*Spec)
		want   string
	}{
		"relative binary":  {Systemd, func(s *Spec) { s.Exe = "bin/clawdbot" }, `executable "bin/clawdbot" is not an absolute path`},
		"quote in binary":  {Systemd, func(s *Spec) { s.Exe = `/opt/it's/clawdbot` }, "move it"},
		"no home":          {Launchd, func(s *Spec) { s.Home = "" }, `home folder "" is not an absolute path`},
		"unix path":        {Schtasks, func(s *Spec) { s.Exe = "/bin/clawdbot" }, "not an absolute path"},
		"newline":          {Systemd, func(s *Spec) { s.Args = []string{"x\nExecStartPost=/bin/rm"} }, "control character"},
		"not UTF-8":        {Systemd, func(s *Spec) { s.Args = []string{"\xff"} }, "not UTF-8"},
		"bad variable":     {Systemd, func(s *Spec) { s.Env = map[string]string{"A B": "x"} }, "not the name of an environment variable"},
		"bad profile":      {Systemd, func(s *Spec) { s.Profile = "../x" }, "profile"},
		"env on a task":    {Schtasks, func(s *Spec) { s.Env = map[string]string{"CLAWDBOT_STATE_DIR": `C:\x`} }, "use --profile instead"},
		"newline in value": {Systemd, func(s *Spec) { s.Env = map[string]string{"A": "x\ny"} }, "control character"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := specs()["default"][test.kind]
			test.change(&spec)
			if _, err := testHost(t, test.kind).Render(spec); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestWindowsWord(t *testing.T) {
	for text, want := range map[string]string{
		`plain`: `plain`, ``: `""`, `a b`: `"a b"`, `C:\x\`: `C:\x\`, `C:\a b\`: `"C:\a b\\"`, `say "hi"`: `"say \"hi\""`, `\"`: `"\\\""`,
	} {
		if got := windowsWord(text); got != want {
			t.Errorf("windowsWord(%s) = %s, want %s", text, got, want)
		}
	}
}
