package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"sync/atomic"
	"time"

	"clawdbot/profile"
)

// lendTime is how long a browser may take to ask for the link.
const lendTime = 15 * time.Second

// lend gives a link to a browser that the function open starts. The command
// line of that names an address of ours that answers once: other users of the
// host see command lines, so the link itself is not on it.
func lend(ctx context.Context, link string, open func(address string) error) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	path := "/" + rand.Text()
	var used atomic.Bool
	asked := make(chan struct{})
	srv := &http.Server{ReadHeaderTimeout: lendTime, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		switch {
		case r.Method != http.MethodGet || r.URL.Path != path:
			http.NotFound(w, r)
		case used.Swap(true):
			http.Error(w, "this address was good for one use", http.StatusGone)
		default:
			http.Redirect(w, r, link, http.StatusSeeOther)
			close(asked)
		}
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = srv.Serve(l) }()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx) // lets the answer out
		<-ended
	}()
	if err := open("http://" + l.Addr().String() + path); err != nil {
		return err
	}
	select {
	case <-asked:
		return nil
	case <-time.After(lendTime):
		return errors.New("it did not ask for the page")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// opener is what opens an address in the user's browser.
func (a *app) opener() (func(address string) error, error) {
	var name string
	var args []string
	switch browser := a.env.Get("BROWSER"); {
	case browser != "":
		name = browser
	case runtime.GOOS == "darwin":
		name = "open"
	case runtime.GOOS == "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler"}
	case a.env.Get("DISPLAY") == "" && a.env.Get("WAYLAND_DISPLAY") == "":
		return nil, errors.New("there is no display to open a browser on")
	default:
		name = "xdg-open"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("no browser was opened: %w", err)
	}
	return func(address string) error {
		cmd := exec.Command(path, append(args, address)...)
		cmd.Env = profile.Desktop()
		return cmd.Start() // it may stay as long as its window
	}, nil
}
