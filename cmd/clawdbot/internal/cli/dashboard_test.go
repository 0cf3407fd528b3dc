package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestDashboardLink(t *testing.T) {
	h := newHome(t)
	p := h.setup("main", h.base)
	h.run("--profile", "main", "dashboard").wants(3, "", "does not run\ntry: clawdbot --profile main gateway\n")
	h.gateway(p, 0)
	page, token := fmt.Sprintf("http://127.0.0.1:%d/", h.base), secretOf(t, p)

	r := h.run("--profile", "main", "dashboard", "--no-open").wants(0, page+"\n", "--with-token prints a link that signs in")
	if strings.Contains(r.out+r.err, token) {
		t.Errorf("the token went to a pipe: %s", r.out)
	}
	h.run("--profile", "main", "dashboard").wants(0, page+"\n", "there is no display to open a browser on")
	h.run("--profile", "main", "dashboard", "--no-open", "--with-token").wants(0, page+"#token="+token+"\n", "")
	var report dashboardReport
	h.run("--profile", "main", "dashboard", "--json").wants(0, "", "").into(&report)
	if report.URL != page || report.TokenIncluded {
		t.Errorf("%+v", report)
	}
	h.vars["BROWSER"] = "no-such-browser"
	h.run("--profile", "main", "dashboard").wants(0, page, "no-such-browser")

	h.run("--profile", "main", "config", "set", "gateway.controlUi.basePath", "/ui").wants(0, "", "")
	h.run("--profile", "main", "dashboard", "--no-open").wants(0, page+"ui/\n", "")
	h.run("--profile", "main", "config", "set", "gateway.controlUi.enabled", "false").wants(0, "", "")
	h.run("--profile", "main", "dashboard").wants(78, "", "the dashboard is off")
}

// TestLend checks that a browser gets the link once, and that the address which
// it is started with says nothing.
func TestLend(t *testing.T) {
	const link = "http://127.0.0.1:9/#token=geheim"
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(address string) (int, string) {
		resp, err := client.Get(address)
		if err != nil {
			return 0, ""
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header.Get("Location")
	}
	err := lend(t.Context(), link, func(address string) error {
		if strings.Contains(address, "geheim") {
			t.Errorf("the link is on the command line: %s", address)
		}
		if code, _ := get(address + "x"); code != http.StatusNotFound {
			t.Errorf("another address: %d", code)
		}
		if code, to := get(address); code != http.StatusSeeOther || to != link {
			t.Errorf("%d to %s", code, to)
		}
		if code, to := get(address); code != http.StatusGone || to != "" {
			t.Errorf("a second time: %d to %s", code, to)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := lend(t.Context(), link, func(string) error { return errors.New("no browser") }); err == nil || err.Error() != "no browser" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := lend(ctx, link, func(string) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
