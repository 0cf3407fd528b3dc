package tab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"

	"clawdbot/browser/api"
	"clawdbot/browser/devtools"
	"clawdbot/browser/inject"
)

// worldName is what debuggers show of our isolated worlds.
const worldName = "clawdbot"

// world is a frame's isolated world with the script in it; the zero value is
// none.
type world struct {
	session *devtools.Session
	context runtime.ExecutionContextID
}

// Problem is what the script says when it cannot do what it was asked to.
type Problem struct {
	Code    string
	Message string
}

func (p *Problem) Error() string { return p.Message }

// Status is the HTTP status that the problem is answered with.
func (p *Problem) Status() int {
	switch p.Code {
	case inject.BadArgument:
		return http.StatusBadRequest
	case inject.UnknownRef, inject.NotFound:
		return http.StatusNotFound
	}
	return http.StatusConflict
}

// ensure returns the frame's world, made when there is none.
func (f *Frame) ensure(ctx context.Context) (world, error) {
	made, err := f.making.take(ctx)
	if err != nil {
		return world{}, err
	}
	defer made()
	f.tab.mu.Lock()
	w, s, next := f.world, f.session, f.next
	f.tab.mu.Unlock()
	if w.session == s && w.context != 0 {
		return w, nil
	}
	created, err := devtools.Call(ctx, s, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: f.id, WorldName: worldName})
	if err != nil {
		return world{}, err
	}
	w = world{s, created.ExecutionContextID}
	yes := true
	ran, err := devtools.Call(ctx, s, runtime.Evaluate, runtime.EvaluateParams{
		Expression: inject.Script(next), ContextID: w.context, ReturnByValue: &yes, Silent: &yes,
	})
	if err == nil {
		err = Thrown(ran.ExceptionDetails)
	}
	if err != nil {
		return world{}, err
	}
	f.tab.mu.Lock()
	defer f.tab.mu.Unlock()
	if f.session == s && f.next == next {
		f.world = w
	}
	return w, nil
}

// Handle is an argument of Call that is an object of the frame's world.
type Handle runtime.RemoteObjectID

// Call runs a function of the script, clawdbot.<name>, in the frame's isolated
// world. It waits for a promise, and decodes the JSON of the answer into out
// unless that is nil. What the script refuses is a *Problem.
func (f *Frame) Call(ctx context.Context, name string, out any, args ...any) error {
	result, err := f.run(ctx, true, "function(n,...a){return clawdbot.run(n,a)}", append([]any{name}, args...))
	if err != nil {
		return err
	}
	var answer struct {
		Value jsonv2.Value `json:"v"`
		Next  int          `json:"n"`
	}
	if err := devtools.Decode(result.Value, &answer); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f.tab.mu.Lock()
	f.next = max(f.next, answer.Next)
	f.tab.mu.Unlock()
	if out == nil || len(answer.Value) == 0 {
		return nil
	}
	if err := devtools.Decode(answer.Value, out); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// run calls the function in the world. A world that went with its document is
// made anew, as nothing ran in it.
func (f *Frame) run(ctx context.Context, byValue bool, function string, args []any) (*runtime.RemoteObject, error) {
	arguments, err := encode(args)
	if err != nil {
		return nil, err
	}
	for {
		w, err := f.ensure(ctx)
		if err != nil {
			return nil, f.said(ctx, err)
		}
		got, err := devtools.Call(ctx, w.session, callFunction, functionCall{
			Function: function, Arguments: arguments, Context: w.context, ByValue: byValue, Await: true, Silent: true,
		})
		switch {
		case hasText(err, "Cannot find context"):
			f.tab.mu.Lock()
			if f.world == w {
				f.world = world{}
			}
			f.tab.mu.Unlock()
		case err != nil:
			return nil, f.said(ctx, err)
		default:
			return got.Result, Thrown(got.ExceptionDetails)
		}
	}
}

// functionCall is Runtime.callFunctionOn as run needs it: cdproto's own leaves out
// arguments that are empty.
type functionCall struct {
	Function  string                     `json:"functionDeclaration"`
	Arguments []argument                 `json:"arguments"`
	Context   runtime.ExecutionContextID `json:"executionContextId,omitzero"`
	Unique    string                     `json:"uniqueContextId,omitzero"`
	ByValue   bool                       `json:"returnByValue"`
	Await     bool                       `json:"awaitPromise"`
	Silent    bool                       `json:"silent"`
	Gesture   bool                       `json:"userGesture"`
}

var callFunction = cdp.Command[functionCall, runtime.CallFunctionOnResult]{Method: runtime.CommandCallFunctionOn}

// argument is one of a function: a JSON value, or an object of its context.
type argument struct {
	Value  jsonv2.Value           `json:"value,omitzero"`
	Object runtime.RemoteObjectID `json:"objectId,omitzero"`
}

func encode(args []any) ([]argument, error) {
	list := make([]argument, len(args))
	for i, arg := range args {
		if h, ok := arg.(Handle); ok {
			list[i].Object = runtime.RemoteObjectID(h)
			continue
		}
		value, err := jsonv2.Marshal(arg)
		if err != nil {
			return nil, err
		}
		list[i].Value = value
	}
	return list, nil
}

// said makes a sentence of what the browser answered for a frame.
func (f *Frame) said(ctx context.Context, err error) error {
	switch {
	case hasText(err, "No frame for given id", "Frame with the given id was not found"):
		return api.Errorf(http.StatusNotFound, "the frame is gone: take a new snapshot")
	case isMovedOn(err):
		return api.Errorf(http.StatusConflict, "the page navigated meanwhile: take a new snapshot")
	case hasText(err, "Execution was terminated"):
		return api.Errorf(http.StatusConflict, "the page's script was ended: it ran too long, or opened dialogs without end")
	case ctx.Err() != nil && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the page does not answer in time: its script may be busy")
	}
	return err
}

// isMovedOn says whether a call ended because its document went.
func isMovedOn(err error) bool {
	return hasText(err, "Execution context was destroyed", "Inspected target navigated or closed", "Cannot find context", "uniqueContextId not found", "Promise was collected")
}

// hasText says whether the browser's error has one of the texts.
func hasText(err error, texts ...string) bool {
	var e *cdproto.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, text := range texts {
		if strings.Contains(e.Message, text) {
			return true
		}
	}
	return false
}

// Thrown is what a script threw, nil for nothing: a *Problem when that is ours.
func Thrown(e *runtime.ExceptionDetails) error {
	if e == nil {
		return nil
	}
	text := e.Text
	if e.Exception != nil {
		text = e.Exception.Description
		if text == "" { // no Error was thrown
			text = string(e.Exception.Value)
		}
	}
	if rest, ok := strings.CutPrefix(text, "Problem "); ok {
		code, rest, _ := strings.Cut(rest, ": ")
		message, _, _ := strings.Cut(rest, "\n    at ")
		return &Problem{code, message}
	}
	message, _, _ := strings.Cut(text, "\n    at ")
	return errors.New(message)
}

// Evaluate runs an expression among the page's own scripts.
func (f *Frame) Evaluate(ctx context.Context, params runtime.EvaluateParams) (runtime.EvaluateResult, error) {
	s, id, err := f.own(ctx)
	if err != nil {
		return runtime.EvaluateResult{}, err
	}
	params.UniqueContextID = id
	got, err := devtools.Call(ctx, s, runtime.Evaluate, params)
	if err != nil {
		return got, f.said(ctx, err)
	}
	return got, nil
}

// CallOwn runs a function among the page's own scripts, as if a person had made
// it run. It waits for a promise; the answer is by value. A Handle among the
// arguments must be of that context: see Ref.Own.
func (f *Frame) CallOwn(ctx context.Context, function string, args ...any) (runtime.CallFunctionOnResult, error) {
	var none runtime.CallFunctionOnResult
	arguments, err := encode(args)
	if err != nil {
		return none, err
	}
	s, id, err := f.own(ctx)
	if err != nil {
		return none, f.said(ctx, err)
	}
	got, err := devtools.Call(ctx, s, callFunction, functionCall{
		Function: function, Arguments: arguments, Unique: id, ByValue: true, Await: true, Silent: true, Gesture: true,
	})
	if err != nil {
		return none, f.said(ctx, err)
	}
	return got, nil
}

// own waits for the context of the page's own scripts.
func (f *Frame) own(ctx context.Context) (s *devtools.Session, id string, err error) {
	err = f.tab.await(ctx, func() bool {
		s, id = f.session, f.context
		return id != "" || f.tab.frames.byID[f.id] != f
	})
	if err == nil && id == "" {
		err = api.Errorf(http.StatusNotFound, "the frame is gone: take a new snapshot")
	}
	return s, id, err
}

// Release lets go of an object that a call returned. It does not wait: a page that
// is busy lets go later, and what cannot be released went with its document.
func Release(ctx context.Context, s *devtools.Session, id runtime.RemoteObjectID) {
	_ = devtools.Post(ctx, s, runtime.ReleaseObject, runtime.ReleaseObjectParams{ObjectID: id})
}
