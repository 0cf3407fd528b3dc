package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/devtools"
	"clawdbot/browser/tab"
)

// maxResult is the longest result of a script, in characters of JSON.
const maxResult = 5_000_000

// freeing is how long a script that is being ended may take to notice.
const freeing = time.Second

// call is the function of an expression that may be a function itself.
const call = `((given, element) => typeof given === 'function' ? given(element) : given)`

// pack makes the result plain. What JSON has no words for is told as text, and
// what cannot be told is a problem. The page may have replaced what it uses;
// that is the page's to answer for.
const pack = `((value, most) => {
  const plain = (key, v) => {
    if (v instanceof Node) return v.outerHTML ? v.cloneNode(false).outerHTML : v.nodeName;
    if (v instanceof Map || v instanceof Set) return [...v];
    if (typeof v === 'bigint') return v + 'n';
    if (typeof v === 'number' && !Number.isFinite(v)) return String(v);
    if (v instanceof Error) return { name: v.name, message: v.message, ...v };
    return v;
  };
  try {
    const json = JSON.stringify(value, plain);
    return json?.length > most ? { long: true } : { json };
  } catch (e) {
    return { problem: String(e.message) };
  }
})`

// plain is the expression, packed.
func plain(expression string) string { return fmt.Sprintf("%s(%s, %d)", pack, expression, maxResult) }

// expression and body are the ways to read a source: as what has a value, and as
// statements with a return. Only element is in its scope.
func expression(source string) string {
	return "async function(element) { return " + plain("await "+call+"(("+trim(source)+"\n), element)") + " }"
}

func truth(source string) string {
	return "async function() { return " + plain("Boolean(await "+call+"(("+trim(source)+"\n)))") + " }"
}

// trim takes off what may follow a statement and not an expression.
func trim(source string) string { return strings.TrimRight(source, "; \t\r\n") }

func body(source string) string {
	return "async function(element) { return " + plain("await (async () => {\n"+source+"\n})()") + " }"
}

// Evaluate runs a source among the page's own scripts: an expression, a
// function, or statements. With a ref the function gets that element, which is
// called element too. A promise is waited for. The result is JSON, nil for
// undefined.
func Evaluate(ctx context.Context, t *tab.Tab, source string, ref *tab.Ref) (json.RawMessage, error) {
	given := allowance(ctx)
	result, err := evaluate(ctx, t, source, ref)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("the script did not end within %d ms", given)
	}
	return result, err
}

func evaluate(ctx context.Context, t *tab.Tab, source string, ref *tab.Ref) (json.RawMessage, error) {
	frame := t.Main()
	var arguments []any
	if ref != nil {
		frame = ref.Frame
		if err := frame.Call(ctx, "element", nil, ref.N); err != nil {
			return nil, err
		}
		element, err := ref.Own(ctx)
		if err != nil {
			return nil, err
		}
		defer tab.Release(ctx, frame.Session(), element)
		arguments = []any{tab.Handle(element)}
	}
	result, err := run(ctx, frame, expression(source), arguments)
	if errors.Is(err, errSyntax) {
		result, err = run(ctx, frame, body(source), arguments)
	}
	return result, err
}

// errSyntax is of a source that cannot be read.
var errSyntax = errors.New("the script cannot be read")

func run(ctx context.Context, f *tab.Frame, function string, arguments []any) (json.RawMessage, error) {
	got, err := f.CallOwn(ctx, function, arguments...)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			free(ctx, f.Session())
		}
		return nil, err
	}
	if e := got.ExceptionDetails; e != nil {
		thrown := tab.Thrown(e)
		// Functions that are async throw into their promise; only what cannot be
		// read throws by itself.
		if !strings.Contains(e.Text, "in promise") {
			return nil, badArgument("%w: %w", errSyntax, thrown)
		}
		return nil, badArgument("the script threw %w", thrown)
	}
	var packed struct {
		JSON    *string `json:"json"`
		Problem string  `json:"problem"`
		Long    bool    `json:"long"`
	}
	if err := devtools.Decode(got.Result.Value, &packed); err != nil {
		return nil, fmt.Errorf("result of the script: %w", err)
	}
	switch {
	case packed.Problem != "":
		return nil, badArgument("the script's result cannot be told as JSON: %s; return plain values", packed.Problem)
	case packed.Long:
		return nil, badArgument("the script's result is longer than %d characters: return less of it", maxResult)
	case packed.JSON == nil:
		return nil, nil
	}
	return json.RawMessage(*packed.JSON), nil
}

// free ends the script that keeps the page busy, if one does: ended while none
// runs, the page's next one would be. A script that is in a dialog may not
// notice the first time.
func free(ctx context.Context, s *devtools.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), freeing)
	defer cancel()
	for ctx.Err() == nil && !isIdle(ctx, s) {
		if err := devtools.Do(ctx, s, runtime.TerminateExecution, cdp.Empty{}); err != nil {
			return // the page is gone
		}
	}
}

// isIdle says whether the page answers soon.
func isIdle(ctx context.Context, s *devtools.Session) bool {
	ctx, cancel := context.WithTimeout(ctx, freeing/5)
	defer cancel()
	return devtools.Do(ctx, s, runtime.Evaluate, runtime.EvaluateParams{Expression: "0"}) == nil
}

// isTrue says whether the source's value counts as true.
func isTrue(ctx context.Context, t *tab.Tab, source string) (bool, error) {
	value, err := run(ctx, t.Main(), truth(source), nil)
	return string(value) == "true", passed(err)
}
