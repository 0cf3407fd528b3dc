package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"clawdbot/profile/config/json5"
)

// RestoreText puts the secrets of the text from back into a text in which they
// were redacted: each where it stood before. A Redacted that stands where from
// has no secret is an error that names the path.
func RestoreText(text, from []byte) ([]byte, error) {
	if !bytes.Contains(text, []byte(Redacted)) {
		return text, nil
	}
	doc, err := json5.Parse("", text)
	if err != nil {
		return text, nil // what is wrong with it the load tells
	}
	known := new(json5.Document)
	if len(bytes.TrimSpace(from)) > 0 {
		if known, err = json5.Parse("", from); err != nil {
			return nil, fmt.Errorf("%s stands for a secret, but the file as it is now cannot be read: write the secret itself", Redacted)
		}
	}
	r := restorer{text: text}
	if err := r.walk(doc.Root, known.Root, nil, false); err != nil {
		return nil, err
	}
	r.comments(doc, known)
	return r.apply(), nil
}

// restorer gathers what is put back into a text.
type restorer struct {
	text    []byte
	patches []restored
}

// restored is a piece of the text and what takes its place.
type restored struct {
	json5.Range
	with []byte
}

// walk compares a value with the one that stands at the same path in the known
// text, nil for none.
func (r *restorer) walk(n, known *json5.Node, path json5.Path, secret bool) error {
	if n.Kind == json5.String && strings.Contains(n.Text, Redacted) {
		if known == nil || known.Kind != json5.String || redactString(known.Text, secret) != n.Text {
			return fmt.Errorf("%s: %s stands for a secret that the file does not hold there: write the secret itself", path, Redacted)
		}
		r.patches = append(r.patches, restored{json5.Range{Start: n.Start, End: n.End}, known.Doc.Text[known.Start:known.End]})
		return nil
	}
	for i, e := range n.Entries {
		step := json5.Step{Key: e.Key}
		if n.Kind == json5.Array {
			step = json5.Step{Index: i, IsIndex: true}
		}
		var same *json5.Node
		if known != nil {
			same = known.Find(json5.Path{step})
		}
		if err := r.walk(e.Value, same, append(slices.Clip(path), step), secret || isSecret(e.Key)); err != nil {
			return err
		}
	}
	return nil
}

// comments puts back the redacted ones, when all of them are still there.
func (r *restorer) comments(doc, known *json5.Document) {
	var redacted, secret []json5.Range
	for _, c := range doc.Comments {
		if string(r.text[c.Start:c.End]) == redactedComment {
			redacted = append(redacted, c)
		}
	}
	for _, c := range known.Comments {
		if isSecretComment(string(known.Text[c.Start+2 : c.End])) {
			secret = append(secret, c)
		}
	}
	if len(redacted) != len(secret) {
		return
	}
	for i, c := range redacted {
		with := known.Text[secret[i].Start:secret[i].End]
		if bytes.HasPrefix(with, []byte("//")) && !bytes.HasPrefix(r.text[c.End:], []byte("\n")) && c.End < len(r.text) {
			with = append(slices.Clone(with), '\n')
		}
		r.patches = append(r.patches, restored{c, with})
	}
}

func (r *restorer) apply() []byte {
	slices.SortFunc(r.patches, func(a, b restored) int { return a.Start - b.Start })
	var out []byte
	done := 0
	for _, p := range r.patches {
		out = append(append(out, r.text[done:p.Start]...), p.with...)
		done = p.End
	}
	return append(out, r.text[done:]...)
}
