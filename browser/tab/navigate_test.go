package tab_test

import (
	"net/http"
	"testing"

	"clawdbot/browser/api"
	"clawdbot/browser/browsertest"
)

// TestNavigateAtOnce: of several navigations one counts, and the others are told
// so.
func TestNavigateAtOnce(t *testing.T) {
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
	ended := make(chan error, 4)
	go func() {
		_, err := page.Navigate(t.Context(), self+"/slow")
		ended <- err
	}()
	<-asked
	for range cap(ended) - 1 {
		go func() {
			_, err := page.Navigate(t.Context(), self+"/next")
			ended <- err
		}()
	}
	came := 0
	for range cap(ended) {
		if err := <-ended; err == nil {
			came++
		} else if api.StatusOf(err) != http.StatusConflict {
			t.Error(err)
		}
	}
	if came == 0 || page.URL() != self+"/next" {
		t.Errorf("%d came, and the page is at %s", came, page.URL())
	}
}
