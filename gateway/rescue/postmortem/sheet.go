package postmortem

import (
	"bytes"
	"fmt"
	"html"
)

// sheet is an HTML page that is being written. All on it that this package does
// not spell itself is escaped. It does without html/template, which calls methods
// by name, and so would keep the linker from leaving out any method of the program.
type sheet struct{ bytes.Buffer }

// markup is HTML as it goes onto the page. A constant is one by itself; a string
// from outside is not.
type markup string

// put writes the format, whose verbs are %v and stand in text or in a quoted attribute.
func (p *sheet) put(format markup, args ...any) {
	for n, a := range args {
		if _, ok := a.(markup); !ok {
			args[n] = html.EscapeString(fmt.Sprint(a))
		}
	}
	fmt.Fprintf(p, string(format), args...)
}

// term writes one line of a list of terms.
func (p *sheet) term(name markup, format markup, args ...any) {
	p.put("<dt>%v</dt><dd>", name)
	p.put(format, args...)
	p.put("</dd>\n")
}

// empty says that there is nothing to show.
func (p *sheet) empty(format markup, args ...any) {
	p.put(`<p class="empty">`)
	p.put(format, args...)
	p.put("</p>\n")
}

// table writes a table; row writes the cells of one of n rows.
func (p *sheet) table(n int, row func(n int), columns ...markup) {
	p.put("<div class=\"scroll\"><table>\n<tr>")
	for _, c := range columns {
		p.put("<th>%v</th>", c)
	}
	p.put("</tr>\n")
	for i := range n {
		p.put("<tr>")
		row(i)
		p.put("</tr>\n")
	}
	p.put("</table></div>\n")
}
