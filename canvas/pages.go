package canvas

import (
	"strconv"
	"sync"
	"time"
)

// maxPages bounds the sockets of pages that are open at once.
const maxPages = 64

// pages knows the open pages and the version of the root. It is safe for use
// by many goroutines.
type pages struct {
	mu      sync.Mutex
	open    map[*page]struct{}
	version int64
	closed  bool
	wg      sync.WaitGroup // one for each open page
}

// page is one open page's socket.
type page struct {
	stale chan struct{} // holds one when the page must reload
}

// newPages begins with a version that no page of an earlier process has.
func newPages() *pages {
	return &pages{open: map[*page]struct{}{}, version: time.Now().UnixMilli()}
}

func (p *pages) current() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version
}

func (p *pages) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

// changed makes all pages that are open stale.
func (p *pages) changed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version++
	for page := range p.open {
		select {
		case page.stale <- struct{}{}:
		default:
		}
	}
}

// join adds a page until leave. It is stale already when its version, as it
// stands in the page, is another than the present one; "" is none. join returns
// nil when there is no room.
func (p *pages) join(version string) *page {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.open) >= maxPages {
		return nil
	}
	joined := &page{stale: make(chan struct{}, 1)}
	p.open[joined] = struct{}{}
	if version != "" && version != strconv.FormatInt(p.version, 10) {
		joined.stale <- struct{}{}
	}
	p.wg.Add(1)
	return joined
}

func (p *pages) leave(left *page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, left)
	p.wg.Done()
}

// close lets no more pages join, and waits until all have left.
func (p *pages) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wg.Wait()
}
