package openai

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"clawdbot/gateway/jsonhttp"
)

// turn is one message of a conversation.
type turn struct{ role, name, text string }

// speaker is who said it, in the words of the original's context.
func (t turn) speaker() string {
	switch {
	case t.role == "assistant":
		return "Assistant"
	case t.role == "user":
		return "User"
	case t.name != "":
		return "Tool:" + t.name
	}
	return "Tool"
}

// compose makes one message of a conversation: the last that is not the
// assistant's, and those before it as context.
func compose(turns []turn) (string, error) {
	last := len(turns) - 1
	for last >= 0 && turns[last].role == "assistant" {
		last--
	}
	if last < 0 {
		return "", jsonhttp.At("", "has no message of the user")
	}
	if last == 0 {
		return turns[0].text, nil
	}
	var b strings.Builder
	b.WriteString("[Chat messages since your last reply - for context]\n")
	for _, t := range turns[:last] {
		b.WriteString(t.speaker() + ": " + t.text + "\n")
	}
	b.WriteString("\n[Current message - respond to this]\n" + turns[last].speaker() + ": " + turns[last].text)
	return b.String(), nil
}

// message is one of both protocols' messages.
type message struct {
	Role    string         `json:"role"`
	Name    string         `json:"name"`
	Content jsontext.Value `json:"content"`
}

// add takes the message at the pointer into the prompt.
func (p *prompt) add(m message, pointer string) error {
	text, err := textOf(m.Content, pointer+"/content")
	if err != nil {
		return err
	}
	text = strings.TrimSpace(text)
	switch m.Role {
	case "system", "developer":
		p.instruct(text)
	case "user", "assistant", "tool", "function":
		if text != "" { // as of an assistant that only called a tool
			p.turns = append(p.turns, turn{m.Role, m.Name, text})
		}
	default:
		return jsonhttp.At(pointer+"/role", "must be one of system, developer, user, assistant, tool")
	}
	return nil
}

func (p *prompt) instruct(text string) {
	if p.instructions != "" && text != "" {
		p.instructions += "\n\n"
	}
	p.instructions += text
}

// textOf reads content that is text, or a list of parts with text.
func textOf(content jsontext.Value, pointer string) (string, error) {
	var text string
	switch content.Kind() {
	case 'n', 0: // null or not there
		return "", nil
	case '"':
		err := jsonhttp.Decode(content, &text)
		return text, err
	}
	var parts []struct {
		Type    string `json:"type"`
		Text    string `json:"text"`
		Refusal string `json:"refusal"`
	}
	if jsonhttp.Decode(content, &parts) != nil {
		return "", jsonhttp.At(pointer, "must be text or a list of parts with text")
	}
	var all []string
	for i, part := range parts {
		switch part.Type {
		case "text", "input_text", "output_text", "refusal":
			all = append(all, part.Text+part.Refusal)
		default:
			return "", jsonhttp.At(pointer+"/"+strconv.Itoa(i)+"/type", "%.40q is not taken here: send text", part.Type)
		}
	}
	return strings.Join(all, "\n"), nil
}
