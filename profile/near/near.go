// Package near finds the words that a typing error most likely meant.
package near

import (
	"slices"
	"strings"
)

// Names returns up to most of the known words that are near the word, the
// nearest first, without regard to case. One typing error is forgiven, and one
// more for every four bytes of the word.
func Names(word string, known []string, most int) []string {
	type candidate struct {
		name  string
		edits int
	}
	var near []candidate
	limit := 1 + len(word)/4
	for _, k := range known {
		if abs(len(word)-len(k)) > limit {
			continue
		}
		if n := edits(strings.ToLower(word), strings.ToLower(k)); n <= limit {
			near = append(near, candidate{k, n})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.edits - b.edits })
	var names []string
	for _, c := range near[:min(most, len(near))] {
		names = append(names, c.name)
	}
	return names
}

// Name returns the nearest of Names, or "".
func Name(word string, known []string) string {
	for _, n := range Names(word, known, 1) {
		return n
	}
	return ""
}

// edits counts the bytes to insert, delete, replace or swap with their
// neighbour to make b of a (optimal string alignment).
func edits(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

func abs(n int) int { return max(n, -n) }
