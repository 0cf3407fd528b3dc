package config

import "strings"

// nearest is the known word that a typing error most likely meant, or "".
func nearest(word string, known []string) string {
	best, limit := "", 1+len(word)/4
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements of bytes between a and b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
