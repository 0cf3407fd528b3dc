package openai

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"clawdbot/gateway/jsonhttp"
)

// readResponse reads the body of /v1/responses.
func readResponse(body []byte) (*prompt, error) {
	var in struct {
		Model        string         `json:"model"`
		Input        jsontext.Value `json:"input"`
		Instructions string         `json:"instructions"`
		Stream       bool           `json:"stream"`
		User         string         `json:"user"`
		Previous     string         `json:"previous_response_id"`
	}
	if err := jsonhttp.Decode(body, &in); err != nil {
		return nil, err
	}
	p := &prompt{model: in.Model, user: in.User, stream: in.Stream, answer: &response{model: in.Model}}
	p.instruct(in.Instructions)
	if in.Previous != "" {
		var ok bool
		if p.session, ok = sessionOf(in.Previous); !ok {
			return nil, jsonhttp.At("/previous_response_id", "is no response of this gateway's")
		}
	}
	return p, p.take(in.Input)
}

// take takes the input: text, or a list of items.
func (p *prompt) take(input jsontext.Value) error {
	if input.Kind() == '"' {
		return p.add(message{Role: "user", Content: input}, "/input")
	}
	var items []struct {
		message
		Type   string         `json:"type"`
		Output jsontext.Value `json:"output"`
		CallID string         `json:"call_id"`
	}
	if input.Kind() != '[' || jsonhttp.Decode(input, &items) != nil {
		return jsonhttp.At("/input", "must be text or a list of items")
	}
	for i, item := range items {
		pointer := "/input/" + strconv.Itoa(i)
		var err error
		switch item.Type {
		case "", "message":
			err = p.add(item.message, pointer)
		case "function_call_output":
			err = p.add(message{Role: "tool", Name: item.CallID, Content: item.Output}, pointer)
		case "function_call", "reasoning", "item_reference": // of an earlier answer: the session has it
		default:
			err = jsonhttp.At(pointer+"/type", "%.40q is not taken here: send messages", item.Type)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// response answers /v1/responses.
type response struct {
	model string
	id    string
	item  string
	at    int64
	seq   int
}

// The id of a response has its session, so that a later one can go on with it.
const (
	idPrefix = "resp_"
	idBreak  = "_"
)

func sessionOf(id string) (string, bool) {
	rest, ours := strings.CutPrefix(id, idPrefix)
	session, _, found := strings.Cut(rest, idBreak)
	plain := strings.Trim(session, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == "" // rand.Text's alphabet
	return session, ours && found && session != "" && len(session) <= 64 && plain
}

func (p *response) begin(r run) {
	p.id, p.item, p.at = idPrefix+r.session+idBreak+r.token, "msg_"+r.token, time.Now().Unix()
}

// object is a response as its reader gets it.
type object struct {
	ID        string        `json:"id"`
	Object    string        `json:"object"`
	CreatedAt int64         `json:"created_at"`
	Status    string        `json:"status"`
	Model     string        `json:"model"`
	Output    []item        `json:"output"`
	Usage     responseUsage `json:"usage"`
	Error     *failed       `json:"error"`
}

type item struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Role    string `json:"role"`
	Status  string `json:"status"`
	Content []part `json:"content"`
}

type part struct {
	Type        string     `json:"type"`
	Text        string     `json:"text"`
	Annotations []struct{} `json:"annotations"`
}

// responseUsage is always zero: see the package comment.
type responseUsage struct {
	InputTokens  int `json:"input_tokens"`
	OutputTokens int `json:"output_tokens"`
	TotalTokens  int `json:"total_tokens"`
}

type failed struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (p *response) object(status string, output ...item) object {
	return object{
		ID: p.id, Object: "response", CreatedAt: p.at, Status: status, Model: cmp.Or(p.model, defaultModel), Output: append([]item{}, output...),
	}
}

func (p *response) message(status string, parts ...part) item {
	return item{Type: "message", ID: p.item, Role: "assistant", Status: status, Content: append([]part{}, parts...)}
}

func textPart(text string) part {
	return part{Type: "output_text", Text: text, Annotations: []struct{}{}}
}

func (p *response) whole(text string) any {
	return p.object("completed", p.message("completed", textPart(text)))
}

// step is the data of one event of a stream; what is nil is left out.
type step struct {
	Type         string  `json:"type"`
	Seq          int     `json:"sequence_number"`
	Response     *object `json:"response,omitempty"`
	Item         *item   `json:"item,omitempty"`
	Part         *part   `json:"part,omitempty"`
	ItemID       string  `json:"item_id,omitempty"`
	OutputIndex  *int    `json:"output_index,omitempty"`
	ContentIndex *int    `json:"content_index,omitempty"`
	Delta        *string `json:"delta,omitempty"`
	Text         *string `json:"text,omitempty"`
}

// event numbers a step.
func (p *response) event(s step) event {
	s.Seq = p.seq
	p.seq++
	return event{s.Type, s}
}

// inItem is a step about the one item, inPart about its one part.
func (p *response) inItem(kind string, i item) event {
	return p.event(step{Type: kind, Item: &i, OutputIndex: new(int)})
}

func (p *response) inPart(s step) event {
	s.ItemID, s.OutputIndex, s.ContentIndex = p.item, new(int), new(int)
	return p.event(s)
}

func (p *response) opening() []event {
	begun, empty := p.object("in_progress"), textPart("")
	return []event{
		p.event(step{Type: "response.created", Response: &begun}),
		p.event(step{Type: "response.in_progress", Response: &begun}),
		p.inItem("response.output_item.added", p.message("in_progress")),
		p.inPart(step{Type: "response.content_part.added", Part: &empty}),
	}
}

func (p *response) piece(text string) []event {
	return []event{p.inPart(step{Type: "response.output_text.delta", Delta: &text})}
}

func (p *response) closing(text string) []event {
	whole := textPart(text)
	done := p.message("completed", whole)
	all := p.object("completed", done)
	return []event{
		p.inPart(step{Type: "response.output_text.done", Text: &text}),
		p.inPart(step{Type: "response.content_part.done", Part: &whole}),
		p.inItem("response.output_item.done", done),
		p.event(step{Type: "response.completed", Response: &all}),
	}
}

func (p *response) failing(e *jsonhttp.Error) []event {
	all := p.object("failed")
	all.Error = &failed{"server_error", e.Message}
	return []event{p.event(step{Type: "response.failed", Response: &all})}
}
