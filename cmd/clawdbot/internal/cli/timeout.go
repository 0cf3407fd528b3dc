package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// timeoutFlag is --timeout: a duration as Go writes it, or milliseconds as the
// original has them.
type timeoutFlag time.Duration

// String is empty without a limit: then the help shows no default.
func (t *timeoutFlag) String() string {
	if *t == 0 {
		return ""
	}
	return time.Duration(*t).String()
}

func (t *timeoutFlag) Type() string { return "duration" }

func (t *timeoutFlag) Set(s string) error {
	d, err := time.ParseDuration(s)
	if ms, notNumber := strconv.Atoi(s); notNumber == nil {
		d, err = time.Duration(ms)*time.Millisecond, nil
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no time to wait: write it like 500ms or 5s", s)
	}
	*t = timeoutFlag(d)
	return nil
}

// addTimeout adds --timeout with its value as the default.
func addTimeout(flags *pflag.FlagSet, t *time.Duration, what string) {
	flags.Var((*timeoutFlag)(t), "timeout", what+", as in 500ms or 5s")
}
