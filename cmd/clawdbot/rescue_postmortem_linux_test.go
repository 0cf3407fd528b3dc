package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"clawdbot/bus/msg"
)

// postMortemOfMain reads what is left of a main that nobody starts again.
func postMortemOfMain(s scene) {
	s.setup("main", "{}\n")
	s.setup("rescue", "{}\n")
	s.gateway("rescue", s.bases["rescue"])
	ofMain := s.incidents("rescue")
	main := s.gateway("main", s.bases["main"])
	s.linked("rescue")
	if err := main.Kill(); err != nil {
		s.t.Fatal(err)
	}
	seen := next(s.t, ofMain, "the crash", func(i msg.Incident) bool { return i.Fingerprint != "" })
	path := filepath.Join(s.home, "main.tar.gz")
	s.cli("--profile", "rescue", "postmortem", "main", "-o", path)
	files := s.archive(path)
	if page := files["report.html"]; !strings.Contains(page, seen.ID) || !strings.Contains(page, "<html") {
		s.t.Errorf("report.html has %d bytes, and not the incident %s", len(page), seen.ID)
	}
	if key, err := os.ReadFile(filepath.Join(s.home, ".clawdbot-main", "gateway.token")); err == nil {
		for name, text := range files {
			if strings.Contains(text, strings.TrimSpace(string(key))) {
				s.t.Errorf("%s holds the token", name)
			}
		}
	} else {
		s.t.Error(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := s.command("--profile", "rescue", "postmortem", "main", "-o", path).CombinedOutput()
	if code := exitCodeOf(err); code != 1 || !strings.Contains(string(out), "main.tar.gz is there already") {
		s.t.Errorf("exit code %d: %s", code, out)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		s.t.Errorf("the archive that was there changed (%v)", err)
	}
	if st := s.status("rescue").Peers[0]; did(seen) != "" || st.Policy != "observe" || st.RepairsInWindow != 0 {
		s.t.Errorf("a gateway in a terminal was touched: %q, %+v", did(seen), st)
	}
}

// archive is what a .tar.gz holds, by name.
func (s scene) archive(path string) map[string]string {
	s.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		s.t.Fatal(err)
	}
	files := map[string]string{}
	for in := tar.NewReader(zip); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			s.t.Fatal(err)
		}
		body, err := io.ReadAll(in)
		if err != nil {
			s.t.Fatal(err)
		}
		files[filepath.Base(h.Name)] = string(body)
	}
}
