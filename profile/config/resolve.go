package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"clawdbot/profile/config/json5"
)

const (
	maxNesting  = 10  // of $include
	maxIncludes = 256 // in all, against lists of files that include lists
)

// maxIssues bounds each list of a report; more help nobody.
const maxIssues = 100

// report collects issues. Its zero value is ready.
type report struct {
	errors, warnings []Issue
}

// issue describes what stands at an offset of a document.
func issue(doc *json5.Document, offset int, path json5.Path, rule, message string) Issue {
	line, column := doc.Position(offset)
	return Issue{File: doc.Name, Line: line, Column: column, Path: path.String(), Rule: rule, Message: message}
}

func (r *report) fail(n *json5.Node, path json5.Path, rule, format string, args ...any) *Issue {
	return add(&r.errors, n.Doc, n.Start, path, rule, fmt.Sprintf(format, args...))
}

// warn reports something about the key of an entry.
func (r *report) warn(e json5.Entry, path json5.Path, rule, format string, args ...any) *Issue {
	return add(&r.warnings, e.Doc, e.Start, path, rule, fmt.Sprintf(format, args...))
}

func add(list *[]Issue, doc *json5.Document, offset int, path json5.Path, rule, message string) *Issue {
	if len(*list) == maxIssues {
		return &Issue{}
	}
	*list = append(*list, issue(doc, offset, path, rule, message))
	return &(*list)[len(*list)-1]
}

// resolver reads the files of one config into one tree. The nodes of the tree keep pointing into
// the documents they come from, so that every issue knows its own file.
type resolver struct {
	report
	read  func(path string) ([]byte, error)
	files []File
	chain []string // the files being read, outermost first
}

// root parses the root file, which is already in files. It is nil after an error that leaves no tree.
func (r *resolver) root(text []byte) *json5.Node {
	path := r.files[0].Path
	r.chain = []string{path}
	n := r.parse(path, text, nil)
	if n == nil {
		return nil
	}
	if n = r.resolve(n, nil); n != nil && n.Kind != json5.Object {
		r.fail(n, nil, "type", "the file must hold an object (got %s)", n.Kind)
		return nil
	}
	return n
}

// parse parses a file whose value stands at a place of the tree.
func (r *resolver) parse(file string, text []byte, at json5.Path) *json5.Node {
	doc, err := json5.Parse(file, text)
	if e := new(json5.SyntaxError); errors.As(err, &e) {
		r.errors = append(r.errors, Issue{File: file, Line: e.Line, Column: e.Column, Path: at.String(), Rule: "syntax", Message: e.Message})
		return nil
	}
	return doc.Root
}

// resolve replaces every $include below n and drops shadowed duplicates. It is nil when n itself cannot be resolved.
func (r *resolver) resolve(n *json5.Node, path json5.Path) *json5.Node {
	if n.Kind == json5.Number && (strings.HasSuffix(n.Text, "NaN") || strings.HasSuffix(n.Text, "Infinity")) {
		r.fail(n, path, "type", "must be a number with digits (got %s)", n.Text)
		return nil
	}
	include := n.Get("$include")
	entries := r.withoutDuplicates(n, path)
	kept := entries[:0:0]
	for i, e := range entries {
		if e.Value == include {
			continue
		}
		if e.Value = r.resolve(e.Value, path.With(stepTo(n, e, i))); e.Value != nil {
			kept = append(kept, e)
		}
	}
	n.Entries = kept
	if include == nil {
		return n
	}
	base := r.include(include, path)
	switch {
	case base == nil || len(entries) == 1:
		return base
	case base.Kind != json5.Object:
		r.fail(include, path, "include", "%s holds %s: only an object can stand beside other keys", filepath.Base(base.Doc.Name), base.Kind)
		return nil
	}
	return merge(base, n)
}

// stepTo leads from n to its entry at place i.
func stepTo(n *json5.Node, e json5.Entry, i int) json5.Step {
	if n.Kind == json5.Array {
		return json5.Step{Index: i, IsIndex: true}
	}
	return json5.Step{Key: e.Key}
}

// withoutDuplicates lists the entries of n; of an object's equal keys it keeps the last, with a warning.
func (r *resolver) withoutDuplicates(n *json5.Node, path json5.Path) []json5.Entry {
	if n.Kind != json5.Object {
		return n.Entries
	}
	places := make(map[string]int, len(n.Entries))
	kept := make([]json5.Entry, 0, len(n.Entries))
	for _, e := range n.Entries {
		i, ok := places[e.Key]
		if !ok {
			places[e.Key] = len(kept)
			kept = append(kept, e)
			continue
		}
		line, _ := n.Doc.Position(kept[i].Start)
		r.warn(e, path.With(json5.Step{Key: e.Key}), "duplicate", "is already set on line %d; the last one counts", line)
		kept[i] = e
	}
	return kept
}

// include reads the file or files that an $include names.
func (r *resolver) include(n *json5.Node, path json5.Path) *json5.Node {
	names := []*json5.Node{n}
	if n.Kind == json5.Array {
		names = names[:0]
		for _, e := range n.Entries {
			names = append(names, e.Value)
		}
	}
	var merged *json5.Node
	for _, name := range names {
		if name.Kind != json5.String || name.Text == "" {
			r.fail(name, path, "include", "$include must be the path of a file, or a list of such (got %s)", name.Kind)
			return nil
		}
		next := r.file(name, path)
		switch {
		case next == nil:
			return nil
		case merged == nil:
			merged = next
		default:
			merged = merge(merged, next)
		}
	}
	if merged == nil {
		r.fail(n, path, "include", "$include names no file")
	}
	return merged
}

// file reads one included file, whose path is relative to the file that names it.
func (r *resolver) file(name *json5.Node, path json5.Path) *json5.Node {
	file := filepath.FromSlash(name.Text)
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(name.Doc.Name), file)
	}
	file = filepath.Clean(file)
	switch {
	case slices.Contains(r.chain, file):
		r.fail(name, path, "include", "$include goes in a circle: %s", r.chainTo(file))
		return nil
	case len(r.chain) > maxNesting:
		r.fail(name, path, "include", "$include is nested deeper than %d: %s", maxNesting, r.chainTo(file))
		return nil
	case len(r.files) > maxIncludes:
		r.fail(name, path, "include", "$include names more than %d files in all", maxIncludes)
		return nil
	}
	text, err := r.read(file)
	if err != nil {
		r.fail(name, path, "include", "$include cannot be read: %v", err)
		return nil
	}
	r.files = append(r.files, File{file, text})
	r.chain = append(r.chain, file)
	defer func() { r.chain = r.chain[:len(r.chain)-1] }()
	n := r.parse(file, text, path)
	if n == nil {
		return nil
	}
	return r.resolve(n, path)
}

// chainTo is "a.json → b.json → a.json".
func (r *resolver) chainTo(file string) string {
	var b strings.Builder
	for _, f := range r.chain {
		b.WriteString(filepath.Base(f) + " → ")
	}
	return b.String() + filepath.Base(file)
}

// merge is over on top of base: objects key by key, arrays joined, anything else replaced.
func merge(base, over *json5.Node) *json5.Node {
	if base.Kind != over.Kind || base.Kind != json5.Object && base.Kind != json5.Array {
		return over
	}
	merged := &json5.Node{Doc: over.Doc, Kind: over.Kind, Start: over.Start, End: over.End}
	merged.Entries = slices.Clone(base.Entries)
	places := make(map[string]int, len(base.Entries))
	for i, e := range base.Entries {
		places[e.Key] = i
	}
	for _, e := range over.Entries {
		i, both := places[e.Key]
		if !both || over.Kind == json5.Array {
			merged.Entries = append(merged.Entries, e)
			continue
		}
		e.Value = merge(merged.Entries[i].Value, e.Value)
		merged.Entries[i] = e
	}
	return merged
}
