package store

import (
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
)

func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(strconv.Itoa(writers), func(b *testing.B) {
			notes := NewKeyspace[note](fresh(b), "agent", "seen")
			var n atomic.Int64
			b.SetParallelism(writers) // times GOMAXPROCS
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := notes.Put(strconv.FormatInt(n.Add(1), 10), note{Text: "hello"}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	b.Run("fresh", func(b *testing.B) {
		dir := b.TempDir()
		for i := 0; b.Loop(); i++ {
			closeStore(b, open(b, Config{Dir: filepath.Join(dir, strconv.Itoa(i))}))
		}
	})
	b.Run("again", func(b *testing.B) {
		dir := filepath.Join(b.TempDir(), "store")
		for b.Loop() {
			s := open(b, Config{Dir: dir})
			if err := NewKeyspace[int](s, "agent", "seen").Put("a", 1); err != nil {
				b.Error(err)
			}
			closeStore(b, s)
		}
	})
}
