package api

// ConsoleRequest is what GET /console (console) takes. Level is the least that
// a message must be: error, warning, info (also log) or debug; "" is all.
type ConsoleRequest struct {
	TabRequest
	Level string `json:"level,omitempty"`
}

// Console is its answer, the oldest message first.
type Console struct {
	OnTab
	Messages []ConsoleMessage `json:"messages"`
}

// ConsoleMessage is what a page, or the browser about it, wrote to the console.
type ConsoleMessage struct {
	Type      string   `json:"type"` // the console's method (log, debug, info, error, warning, assert …), or the browser's level
	Text      string   `json:"text"`
	Timestamp string   `json:"timestamp"` // RFC 3339, UTC, milliseconds
	Location  Location `json:"location"`
}

// Location is a place in a script, lines and columns from 0.
type Location struct {
	URL          string `json:"url"`
	LineNumber   int64  `json:"lineNumber"`
	ColumnNumber int64  `json:"columnNumber"`
}

// ErrorsRequest is what GET /errors (errors) takes. Clear forgets what it
// answers.
type ErrorsRequest struct {
	TabRequest
	Clear bool `json:"clear,omitempty"`
}

// Errors is its answer, the oldest first.
type Errors struct {
	OnTab
	Errors []PageError `json:"errors"`
}

// PageError is an exception that no script of the page caught.
type PageError struct {
	Message   string `json:"message"`
	Name      string `json:"name,omitempty"`
	Stack     string `json:"stack,omitempty"`
	Timestamp string `json:"timestamp"`
}

// RequestsRequest is what GET /requests (requests) takes. Filter is a glob of
// addresses or a part of one; Clear forgets all requests, not only those that
// it answers.
type RequestsRequest struct {
	TabRequest
	Filter string `json:"filter,omitempty"`
	Clear  bool   `json:"clear,omitempty"`
}

// Requests is its answer, the oldest first.
type Requests struct {
	OnTab
	Requests []PageRequest `json:"requests"`
}

// PageRequest is one request of a page. Status and OK are missing until there
// is a response.
type PageRequest struct {
	ID           string `json:"id"` // r1, r2 … of the tab
	Timestamp    string `json:"timestamp"`
	Method       string `json:"method"`
	URL          string `json:"url"`
	ResourceType string `json:"resourceType"` // document, stylesheet, image, media, font, script, xhr, fetch …
	Status       int64  `json:"status,omitempty"`
	OK           *bool  `json:"ok,omitempty"` // a status from 200 to 299
	FailureText  string `json:"failureText,omitempty"`
}

// ResponseBodyRequest is what POST /response/body (response_body) takes.
type ResponseBodyRequest struct {
	TabRequest
	URL       string `json:"url"`                 // a glob, or a part of the address
	TimeoutMs int    `json:"timeoutMs,omitempty"` // 0 means 20000; 500..120000
	MaxChars  int    `json:"maxChars,omitempty"`  // 0 means 200000; at most 5000000
}

// ResponseBody is its answer.
type ResponseBody struct {
	OnTab
	Response Response `json:"response"`
}

// Response is one response with its body.
type Response struct {
	URL       string            `json:"url"`
	Status    int64             `json:"status"`
	Headers   map[string]string `json:"headers"` // names in lower case
	Body      string            `json:"body"`
	Base64    bool              `json:"base64,omitempty"` // Body is no text, so it is in base64; ours
	Truncated bool              `json:"truncated,omitempty"`
}

// ChooserRequest is what POST /hooks/file-chooser (hooks_file_chooser) takes.
// InputRef or Element name the input to fill at once; Ref is clicked to open a
// chooser; without them the next chooser that the page opens gets the files.
type ChooserRequest struct {
	TabRequest
	Paths     []string `json:"paths"`
	Ref       string   `json:"ref,omitempty"`
	InputRef  string   `json:"inputRef,omitempty"`
	Element   string   `json:"element,omitempty"`   // a CSS selector
	TimeoutMs int      `json:"timeoutMs,omitempty"` // 0 means 120000; 500..120000
}

// DialogRequest is what POST /hooks/dialog (hooks_dialog) takes: what the next
// dialog is answered with.
type DialogRequest struct {
	TabRequest
	Accept     *bool  `json:"accept"`
	PromptText string `json:"promptText,omitempty"`
	TimeoutMs  int    `json:"timeoutMs,omitempty"` // 0 means 120000; 500..120000
}

// DownloadRequest is what POST /wait/download (wait_download) and POST /download
// (download) take. Ref, for the latter, is clicked to start the download.
type DownloadRequest struct {
	TabRequest
	Ref       string `json:"ref,omitempty"`
	Path      string `json:"path,omitempty"`      // absolute; "" means the folder of downloads and the suggested name
	TimeoutMs int    `json:"timeoutMs,omitempty"` // 0 means 120000; 500..120000
}

// Downloaded is their answer.
type Downloaded struct {
	OnTab
	Download Download `json:"download"`
}

// Download is a file that was downloaded.
type Download struct {
	URL               string `json:"url"`
	SuggestedFilename string `json:"suggestedFilename"`
	Path              string `json:"path"`
}

// Cookies is the answer of GET /cookies (cookies): all of the browser profile.
type Cookies struct {
	OnTab
	Cookies []Cookie `json:"cookies"`
}

// Cookie is one cookie.
type Cookie struct {
	Name     string  `json:"name"`
	Value    string  `json:"value"`
	Domain   string  `json:"domain"`
	Path     string  `json:"path"`
	Expires  float64 `json:"expires"` // seconds since 1970; -1 for the browser's lifetime
	HTTPOnly bool    `json:"httpOnly"`
	Secure   bool    `json:"secure"`
	SameSite string  `json:"sameSite"` // Strict, Lax or None
}

// SetCookieRequest is what POST /cookies/set (cookies_set) takes.
type SetCookieRequest struct {
	TabRequest
	Cookie *NewCookie `json:"cookie"`
}

// NewCookie is a cookie to set, for URL or for Domain and Path.
type NewCookie struct {
	Name     string  `json:"name"`
	Value    *string `json:"value"`
	URL      string  `json:"url,omitempty"`
	Domain   string  `json:"domain,omitempty"`
	Path     string  `json:"path,omitempty"`
	Expires  float64 `json:"expires,omitempty"` // seconds since 1970; 0 and -1 mean the browser's lifetime
	HTTPOnly bool    `json:"httpOnly,omitempty"`
	Secure   bool    `json:"secure,omitempty"`
	SameSite string  `json:"sameSite,omitempty"` // Strict, Lax or None
}

// StorageRequest is what GET /storage/{kind} (storage) and POST
// /storage/{kind}/clear (storage_clear) take.
type StorageRequest struct {
	TabRequest
	Kind string `json:"kind"`          // local or session
	Key  string `json:"key,omitempty"` // storage: only this one
}

// Storage is the answer of GET /storage/{kind}.
type Storage struct {
	OnTab
	Values map[string]string `json:"values"`
}

// SetStorageRequest is what POST /storage/{kind}/set (storage_set) takes.
type SetStorageRequest struct {
	TabRequest
	Kind  string  `json:"kind"` // local or session
	Key   string  `json:"key"`
	Value *string `json:"value"`
}

// OfflineRequest is what POST /set/offline (set_offline) takes.
type OfflineRequest struct {
	TabRequest
	Offline *bool `json:"offline"`
}

// HeadersRequest is what POST /set/headers (set_headers) takes: what all
// requests of the tab carry from now on; {} for nothing.
type HeadersRequest struct {
	TabRequest
	Headers map[string]string `json:"headers"`
}

// CredentialsRequest is what POST /set/credentials (set_credentials) takes, for
// HTTP's own authentication.
type CredentialsRequest struct {
	TabRequest
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	Origin   string `json:"origin,omitempty"` // only for this one; ours
	Clear    bool   `json:"clear,omitempty"`
}

// GeolocationRequest is what POST /set/geolocation (set_geolocation) takes.
type GeolocationRequest struct {
	TabRequest
	Latitude  *float64 `json:"latitude,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`
	Accuracy  float64  `json:"accuracy,omitempty"` // metres
	Origin    string   `json:"origin,omitempty"`   // may read it; "" means the page's
	Clear     bool     `json:"clear,omitempty"`
}

// MediaRequest is what POST /set/media (set_media) takes: dark, light,
// no-preference or none, which ends it.
type MediaRequest struct {
	TabRequest
	ColorScheme string `json:"colorScheme"`
}

// TimezoneRequest is what POST /set/timezone (set_timezone) takes.
type TimezoneRequest struct {
	TabRequest
	TimezoneID string `json:"timezoneId"` // Europe/Berlin
}

// LocaleRequest is what POST /set/locale (set_locale) takes.
type LocaleRequest struct {
	TabRequest
	Locale string `json:"locale"` // de-DE
}

// DeviceRequest is what POST /set/device (set_device) takes.
type DeviceRequest struct {
	TabRequest
	Name string `json:"name"` // iPhone 14, Pixel 5 landscape …
}
