package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// options sizes Pebble for a store of some megabytes that shares a process with everything else.
func (s *Store) options() *pebble.Options {
	opts := &pebble.Options{
		FS:                  s.fence,
		Lock:                s.lock,
		ReadOnly:            s.cfg.ReadOnly,
		Logger:              logger{s},
		FormatMajorVersion:  pebble.FormatNewest,
		CacheSize:           8 << 20,
		MemTableSize:        1 << 20,
		MaxOpenFiles:        128,
		MaxManifestFileSize: 1 << 20,
		// A stalled write would wait for a flush, and on a full disk for ever. The fence refuses writes long before.
		MemTableStopWritesThreshold: 8,
		L0StopWritesThreshold:       64,
		EventListener: &pebble.EventListener{
			// Pebble's own handler ends the process.
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				if _, again := s.damaged.LoadOrStore(info.Path, true); !again && s.fence.down() == nil {
					s.report(fmt.Errorf("%w: %s: %w", ErrCorrupt, info.Path, oneLine{info.Details}))
				}
			},
			// A flush or compaction that failed. What it means, if anything, comes through the fence or DataCorruption.
			BackgroundError: func(err error) {
				s.cfg.Log.Debug("store: background work", "dir", s.cfg.Dir, "err", err)
			},
		},
	}
	opts.Experimental.FileCacheShards = 1
	return opts
}

// checkFormat tells a store of a newer version from a damaged one: Pebble has no error value for it. The version is the
// last part of the marker file's name (pebble/vfs/atomicfs: marker.<name>.<iteration>.<value>). It returns whether there
// is no store at all.
func checkFormat(fsys vfs.FS, dir string) (fresh bool, err error) {
	names, err := fsys.List(dir)
	if err != nil {
		return false, classify(err)
	}
	fresh = true
	for _, name := range names {
		fresh = fresh && !strings.HasPrefix(name, "marker.")
		rest, isFormat := strings.CutPrefix(name, "marker.format-version.")
		if !isFormat {
			continue
		}
		_, value, _ := strings.Cut(rest, ".")
		if v, err := strconv.ParseUint(value, 10, 64); err == nil && v > uint64(pebble.FormatNewest) {
			return false, fmt.Errorf("%w: format %d, this one knows %d", ErrNewer, v, pebble.FormatNewest)
		}
	}
	return fresh, nil
}

// logger passes Pebble's errors on and drops its chatter.
type logger struct{ s *Store }

func (logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.s.cfg.Log.Error("store: pebble: "+fmt.Sprintf(format, args...), "dir", l.s.cfg.Dir)
}

// Fatalf returns, which Pebble does not expect; the fence keeps what it does next from the disk.
func (l logger) Fatalf(format string, args ...any) {
	l.s.fence.fail(fmt.Errorf("pebble: "+format, args...))
}
