package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"clawdbot/browser/api"
)

// args are the arguments of one call by name.
type args map[string]json.RawMessage

// readArgs reads a JSON object; no bytes are no arguments.
func readArgs(body []byte) (args, error) {
	a := args{}
	if len(strings.TrimSpace(string(body))) == 0 {
		return a, nil
	}
	if err := json.Unmarshal(body, &a); err != nil || a == nil {
		return nil, api.Errorf(http.StatusBadRequest, "the body must be a JSON object")
	}
	return a, nil
}

// set gives an argument the text of a query or path value.
func (a args) set(name, value string) {
	a[name], _ = json.Marshal(value) // a string always encodes
}

// bind fills the struct behind into by its JSON names. It is as lenient as the
// original: a scalar is taken as text where text is wanted, numbers may be
// strings, and true, 1 and yes, in quotes or not, are one. Unknown arguments
// and null are passed over.
func (a args) bind(into any) error {
	v := reflect.ValueOf(into).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		raw, given := a[name]
		if !given || f.Anonymous || string(raw) == "null" {
			continue
		}
		if err := decode(raw, v.FieldByIndex(f.Index)); err != nil {
			return api.Errorf(http.StatusBadRequest, "%s must be %w", name, err)
		}
	}
	return nil
}

// What an argument must be, after its name.
var (
	errText    = errors.New("text")
	errBoolean = errors.New("true or false")
	errInteger = errors.New("a whole number")
	errNumber  = errors.New("a number")
)

// decode reads one argument. Its error says what the argument must be.
func decode(raw json.RawMessage, to reflect.Value) error {
	text, scalar := scalarText(raw)
	switch to.Kind() {
	case reflect.String:
		if !scalar {
			return errText
		}
		to.SetString(text)
	case reflect.Bool:
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true", "1", "yes":
			to.SetBool(true)
		case "false", "0", "no":
			to.SetBool(false)
		default:
			return errBoolean
		}
	case reflect.Int:
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64) // 1e3 and 7.0 are whole too
		if err != nil || n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return errInteger
		}
		to.SetInt(int64(n))
	case reflect.Float64:
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return errNumber
		}
		to.SetFloat(n)
	case reflect.Pointer: // of what may be missing
		to.Set(reflect.New(to.Type().Elem()))
		return decode(raw, to.Elem())
	default:
		err := json.Unmarshal(raw, to.Addr().Interface())
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fmt.Errorf("of another shape: it has %s where %s belongs", wrong.Value, wrong.Type.Kind())
		}
		if err != nil {
			return fmt.Errorf("of another shape: %w", err)
		}
	}
	return nil
}

// scalarText returns the text of a JSON string, number or boolean, and false
// for anything else.
func scalarText(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' {
		return "", false
	}
	if raw[0] != '"' {
		return string(raw), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}
