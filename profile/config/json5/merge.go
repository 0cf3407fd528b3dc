package json5

import (
	"errors"
	"fmt"
	"slices"
)

// Merge returns the text with the patch merged in as RFC 7396 has it: null
// removes a key, an object is merged into one, any other value replaces what is
// there. Both are JSON5, the values are written as the patch has them, and what
// the patch does not name stays as it is, with its comments.
func Merge(text, patch []byte) ([]byte, error) {
	doc, err := Parse("patch", patch)
	if err != nil {
		return nil, err
	}
	if doc.Root.Kind != Object {
		line, column := doc.Position(doc.Root.Start)
		return nil, &SyntaxError{"patch", line, column, fmt.Sprintf("must be an object, not %s", doc.Root.Kind)}
	}
	return merge(text, nil, doc.Root)
}

func merge(text []byte, at Path, patch *Node) ([]byte, error) {
	for i, e := range patch.Entries {
		if slices.ContainsFunc(patch.Entries[i+1:], func(later Entry) bool { return later.Key == e.Key }) {
			continue // the last one wins
		}
		path := append(slices.Clip(at), Step{Key: e.Key})
		var err error
		switch e.Value.Kind {
		case Null:
			if text, err = unset(text, path); err != nil {
				return nil, err
			}
		case Object:
			if text, err = open(text, path); err == nil {
				text, err = merge(text, path, e.Value)
			}
		default:
			text, err = Set(text, path, string(e.Value.Doc.Text[e.Value.Start:e.Value.End]))
		}
		if err != nil {
			return nil, err
		}
	}
	return text, nil
}

// unset removes a value that may not be there.
func unset(text []byte, path Path) ([]byte, error) {
	without, err := Unset(text, path)
	if errors.Is(err, ErrNotFound) || len(text) == 0 {
		return text, nil
	}
	return without, err
}

// open makes sure that there is an object at path.
func open(text []byte, path Path) ([]byte, error) {
	if len(text) > 0 {
		doc, err := Parse("text", text)
		if err != nil {
			return nil, err
		}
		if n := doc.Root.Find(path); n != nil && n.Kind == Object {
			return text, nil
		}
	}
	return Set(text, path, "{}")
}
