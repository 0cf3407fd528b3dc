package tab

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
)

// How much a tab remembers, as in the original.
const (
	keptMessages = 500
	keptErrors   = 200
)

// longestText is how much of one text a tab remembers, in bytes.
const longestText = 8 << 10

// last keeps the entries that came last. The zero value has none. It is safe for
// use by many goroutines.
type last[T any] struct {
	mu      sync.Mutex
	entries []T
}

// add adds an entry, of which most are kept.
func (l *last[T]) add(entry T, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) >= most {
		l.entries = slices.Delete(l.entries, 0, 1)
	}
	l.entries = append(l.entries, entry)
}

// list returns the entries, the oldest first, and forgets them if asked to.
func (l *last[T]) list(forget bool) []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := append([]T{}, l.entries...)
	if forget {
		l.entries = nil
	}
	return entries
}

// console is what the page said, and what went wrong in it.
type console struct {
	messages last[api.ConsoleMessage]
	errors   last[api.PageError]
}

func (t *Tab) followConsole() {
	On(t, runtime.ConsoleAPICalled, func(_ *devtools.Session, e runtime.EventConsoleAPICalled) {
		t.console.messages.add(said(&e), keptMessages)
	})
	On(t, cdplog.EntryAdded, func(_ *devtools.Session, e cdplog.EventEntryAdded) {
		t.console.messages.add(logged(e.Entry), keptMessages)
	})
	On(t, runtime.ExceptionThrown, func(_ *devtools.Session, e runtime.EventExceptionThrown) {
		t.console.errors.add(thrown(&e), keptErrors)
	})
}

// Messages are those of the console that are of the level or above: error,
// warning, info or debug.
func (t *Tab) Messages(level string) []api.ConsoleMessage {
	all := t.console.messages.list(false)
	least := severity(level)
	return slices.DeleteFunc(all, func(m api.ConsoleMessage) bool { return severity(m.Type) < least })
}

// Errors are the exceptions that nobody caught; forget drops them.
func (t *Tab) Errors(forget bool) []api.PageError { return t.console.errors.list(forget) }

// severity ranks the types of messages. The console's many other methods write
// at the level of its log.
func severity(kind string) int {
	switch kind {
	case "error", "assert":
		return 3
	case "warning":
		return 2
	case "debug", "verbose", "":
		return 0
	}
	return 1
}

func said(e *runtime.EventConsoleAPICalled) api.ConsoleMessage {
	texts := make([]string, len(e.Args))
	for i, arg := range e.Args {
		texts[i] = textOf(arg)
	}
	m := api.ConsoleMessage{Type: string(e.Type), Text: cut(strings.Join(texts, " ")), Timestamp: stamp(e.Timestamp)}
	if e.StackTrace != nil && len(e.StackTrace.CallFrames) > 0 {
		at := e.StackTrace.CallFrames[0]
		m.Location = api.Location{URL: cut(at.URL), LineNumber: at.LineNumber, ColumnNumber: at.ColumnNumber}
	}
	return m
}

func logged(e *cdplog.Entry) api.ConsoleMessage {
	return api.ConsoleMessage{
		Type: string(e.Level), Text: cut(e.Text), Timestamp: stamp(e.Timestamp),
		Location: api.Location{URL: cut(e.URL), LineNumber: e.LineNumber},
	}
}

// thrown reads an exception. V8 describes an Error as its stack, which begins
// with "name: message".
func thrown(e *runtime.EventExceptionThrown) api.PageError {
	p := api.PageError{Timestamp: stamp(e.Timestamp), Message: cut(e.ExceptionDetails.Text)}
	exception := e.ExceptionDetails.Exception
	switch {
	case exception == nil:
	case exception.Subtype == runtime.RemoteObjectSubtypeError:
		p.Stack = cut(exception.Description)
		head, _, _ := strings.Cut(p.Stack, "\n    at ")
		p.Message = head
		if name, message, ok := strings.Cut(head, ": "); ok && !strings.ContainsAny(name, " \n") {
			p.Name, p.Message = name, message
		}
	default:
		p.Message = cut(textOf(exception))
	}
	return p
}

// textOf is a value as a console shows it.
func textOf(o *runtime.RemoteObject) string {
	var text string
	switch {
	case o.UnserializableValue != "": // NaN, -0, 10n
		return string(o.UnserializableValue)
	case json.Unmarshal(o.Value, &text) == nil && o.Type == runtime.RemoteObjectTypeString:
		return text
	case len(o.Value) > 0:
		return string(o.Value)
	case o.Preview != nil && o.Subtype != runtime.RemoteObjectSubtypeError:
		return previewText(o.Preview)
	case o.Description != "":
		return o.Description
	}
	return string(o.Type) // undefined
}

// previewText writes {a: 1, b: x}, [1, 2] or Map(1) {k => v}.
func previewText(p *runtime.ObjectPreview) string {
	if p.Properties == nil && p.Entries == nil { // a value inside of a preview
		return p.Description
	}
	var parts []string
	for _, property := range p.Properties {
		if len(p.Entries) > 0 { // the size of a Map
			break
		}
		value := property.Value
		if property.ValuePreview != nil {
			value = previewText(property.ValuePreview)
		}
		if p.Subtype != runtime.ObjectPreviewSubtypeArray {
			value = property.Name + ": " + value
		}
		parts = append(parts, value)
	}
	for _, entry := range p.Entries {
		value := previewText(entry.Value)
		if entry.Key != nil {
			value = previewText(entry.Key) + " => " + value
		}
		parts = append(parts, value)
	}
	if p.Overflow {
		parts = append(parts, "…")
	}
	inside := strings.Join(parts, ", ")
	switch {
	case p.Subtype == runtime.ObjectPreviewSubtypeArray:
		return "[" + inside + "]"
	case p.Description == "Object":
		return "{" + inside + "}"
	case inside == "":
		return p.Description
	}
	return p.Description + " {" + inside + "}"
}

// stamp writes milliseconds since 1970 as the original does.
func stamp(ms runtime.Timestamp) string {
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z")
}

// cut shortens what is too long to remember.
func cut(text string) string {
	if len(text) <= longestText {
		return text
	}
	return strings.ToValidUTF8(text[:longestText], "") + "…"
}
