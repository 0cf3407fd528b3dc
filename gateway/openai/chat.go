package openai

import (
	"cmp"
	"strconv"
	"time"

	"clawdbot/gateway/jsonhttp"
)

// defaultModel is what an answer calls its model when the request named none.
const defaultModel = "clawdbot"

// readChat reads the body of /v1/chat/completions.
func readChat(body []byte) (*prompt, error) {
	var in struct {
		Model         string    `json:"model"`
		Messages      []message `json:"messages"`
		Stream        bool      `json:"stream"`
		User          string    `json:"user"`
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	if err := jsonhttp.Decode(body, &in); err != nil {
		return nil, err
	}
	if len(in.Messages) == 0 {
		return nil, jsonhttp.At("/messages", "must be a list that is not empty")
	}
	p := &prompt{model: in.Model, user: in.User, stream: in.Stream}
	for i, m := range in.Messages {
		if err := p.add(m, "/messages/"+strconv.Itoa(i)); err != nil {
			return nil, err
		}
	}
	p.answer = &chat{model: in.Model, usage: in.StreamOptions.IncludeUsage}
	return p, nil
}

// chat answers /v1/chat/completions.
type chat struct {
	model string
	usage bool // in a stream
	id    string
	at    int64
}

// completion is an answer, or a chunk of one.
type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage,omitempty"`
}

type choice struct {
	Index        int     `json:"index"`
	Message      *reply  `json:"message,omitempty"`
	Delta        *delta  `json:"delta,omitempty"`
	FinishReason *string `json:"finish_reason"`
}

// reply is a message of the assistant, delta what a chunk adds to it.
type reply struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type delta struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content,omitempty"`
}

// usage is always zero: see the package comment.
type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func (c *chat) begin(r run) { c.id, c.at = "chatcmpl-"+r.token, time.Now().Unix() }

func (c *chat) make(object string, choices ...choice) completion {
	return completion{ID: c.id, Object: object, Created: c.at, Model: cmp.Or(c.model, defaultModel), Choices: choices}
}

func (c *chat) whole(text string) any {
	stop := "stop"
	out := c.make("chat.completion", choice{Message: &reply{"assistant", text}, FinishReason: &stop})
	out.Usage = &usage{}
	return out
}

func (c *chat) chunk(choices ...choice) completion {
	return c.make("chat.completion.chunk", choices...)
}

func (c *chat) opening() []event {
	return []event{{data: c.chunk(choice{Delta: &delta{Role: "assistant"}})}}
}

func (c *chat) piece(text string) []event {
	return []event{{data: c.chunk(choice{Delta: &delta{Content: text}})}}
}

func (c *chat) closing(string) []event {
	stop := "stop"
	list := []event{{data: c.chunk(choice{Delta: &delta{}, FinishReason: &stop})}}
	if c.usage {
		last := c.chunk()
		last.Choices, last.Usage = []choice{}, &usage{}
		list = append(list, event{data: last})
	}
	return list
}

func (c *chat) failing(e *jsonhttp.Error) []event {
	return []event{{data: Failure(e.Status, e.Message)}}
}
