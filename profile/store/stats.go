package store

import (
	"time"

	dto "github.com/prometheus/client_model/go"
)

// Stats are the figures of an open store. The counters begin with its opening.
type Stats struct {
	Bytes   uint64 // on disk, of the database alone
	Commits uint64 // in the store's life
	Written uint64 // bytes of its log
	Syncs   Latency
}

// Latency tells how long many calls of one kind took.
type Latency struct {
	Count   uint64
	Sum     time.Duration
	Buckets map[time.Duration]uint64 // how many took at most that long
}

// Stats does not touch the disk. After Close it is ErrClosed.
func (s *Store) Stats() (Stats, error) {
	if err := s.begin(); err != nil {
		return Stats{}, err
	}
	defer s.ops.Done()
	m := s.db.Metrics()
	var d dto.Metric
	if err := m.LogWriter.FsyncLatency.Write(&d); err != nil {
		return Stats{}, err
	}
	syncs := Latency{
		Count: d.Histogram.GetSampleCount(), Sum: time.Duration(d.Histogram.GetSampleSum()),
		Buckets: map[time.Duration]uint64{},
	}
	bounds := syncBounds()
	for _, b := range d.Histogram.GetBucket() { // more than a hundred, sorted, in nanoseconds
		if len(bounds) > 0 && b.GetUpperBound() >= float64(bounds[0]) {
			syncs.Buckets[time.Duration(b.GetUpperBound())] = b.GetCumulativeCount()
			bounds = bounds[1:]
		}
	}
	commits, err := readCommits(s.db)
	return Stats{Bytes: m.DiskSpaceUsage(), Commits: commits, Written: m.WAL.BytesWritten, Syncs: syncs}, err
}

// syncBounds are about where the buckets of Syncs end; Pebble's next is taken.
func syncBounds() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{ms / 5, ms / 2, ms, 2 * ms, 5 * ms, 10 * ms, 30 * ms, 100 * ms, 300 * ms, time.Second, 3 * time.Second}
}
