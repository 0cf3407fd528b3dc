package tab_test

import (
	"net/http"
	"testing"

	"clawdbot/browser/browsertest"
)

// TestNavigateOvertaken: of two navigations the later one counts, and the other is
// told so.
func TestNavigateOvertaken(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	defer close(answer)
	self, _ := serve(t, map[string]http.HandlerFunc{
		"/slow": func(http.ResponseWriter, *http.Request) {
			asked <- struct{}{}
			<-answer
		},
		"/next": html("<p>next</p>"),
	})
	page := browsertest.Page(t, "<p>first</p>")
	overtaken := make(chan error, 1)
	go func() {
		_, err := page.Navigate(t.Context(), self+"/slow")
		overtaken <- err
	}()
	<-asked
	if at, err := page.Navigate(t.Context(), self+"/next"); err != nil || at != self+"/next" {
		t.Errorf("came to %q, %v", at, err)
	}
	says(t, <-overtaken, http.StatusConflict, "another navigation")
}
