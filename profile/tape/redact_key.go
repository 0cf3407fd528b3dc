package tape

import "strings"

// cover is how much of what stands under a key is hidden.
type cover int

const (
	open   cover = iota // what is secret in itself
	texts               // every string: a number is a count of tokens
	hidden              // everything but null and ""
)

func coverOf(key string) cover {
	switch {
	case !isSecret(key):
		return open
	case countsTokens(key):
		return texts
	}
	return hidden
}

// countsTokens says whether a number under a secret key is none.
func countsTokens(key string) bool {
	const tokens = "tokens"
	return len(key) >= len(tokens) && strings.EqualFold(key[len(key)-len(tokens):], tokens)
}

// secretParts are parts of keys, in lower case, without _ and -.
var secretParts = [...]string{
	"token", "password", "passwd", "passphrase", "passcode", "secret", "apikey", "accesskey", "privatekey", "authkey",
	"authorization", "cookie", "credential", "signature",
}

// secretWords are too short to be looked for in longer words: they are a key, or
// its last word.
var secretWords = [...]string{"pass", "pwd", "pin", "otp", "jwt", "auth"}

// queryWords are secret keys in the query of an address.
var queryWords = [...]string{"key", "sig", "code", "hmac"}

// isSecret says whether what stands under a key is secret.
func isSecret(key string) bool {
	k := strings.ToLower(key)
	if strings.ContainsAny(k, "_-") {
		k = strings.NewReplacer("_", "", "-", "").Replace(k)
	}
	for _, harmless := range [...]string{"file", "path", "fingerprint"} {
		if strings.HasSuffix(k, harmless) {
			return false
		}
	}
	if k == "env" {
		return true
	}
	for _, part := range secretParts {
		if strings.Contains(k, part) {
			return true
		}
	}
	for _, word := range secretWords {
		if strings.HasSuffix(k, word) && beginsWord(key, len(key)-len(word)) {
			return true
		}
	}
	return false
}

// beginsWord says whether a word of the key begins at i, as in dbPass and DB_PASS.
func beginsWord(key string, i int) bool {
	if i <= 0 {
		return true
	}
	before := key[i-1]
	return !isLetter(before) || isLower(before) && !isLower(key[i])
}

func isQuerySecret(key string) bool {
	for _, word := range queryWords {
		if strings.EqualFold(key, word) {
			return true
		}
	}
	return false
}

func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return isLower(c) || isUpper(c) }
