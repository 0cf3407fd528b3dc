package browsermcp

import (
	"net/url"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"clawdbot/browser/api"
)

// screenshot is a picture that comes in the answer.
type screenshot struct {
	on
	FullPage bool   `json:"fullPage,omitempty" jsonschema:"the whole page, not only what is in view"`
	Ref      string `json:"ref,omitempty" jsonschema:"only the element with this ref"`
	Element  string `json:"element,omitempty" jsonschema:"only the element that fits this CSS selector"`
	Type     string `json:"type,omitempty" jsonschema:"png or jpeg"`
}

// download is a click that downloads a file.
type download struct {
	element
	Path string `json:"path,omitempty" jsonschema:"absolute path of the file to write; without it one in the gateway's folder of downloads"`
}

func addTools(s *mcp.Server, call Call) {
	addTabs(s, call)
	addLooks(s, call)
	addActs(s, call)
	addHooks(s, call)
	addStates(s, call)
}

func addTabs(s *mcp.Server, call Call) {
	tool[api.ProfileRequest]{name: "status", about: "Tell whether the browser runs, and which one.", reads: true, method: "GET", path: "/"}.add(s, call)
	tool[api.ProfileRequest]{name: "start", about: "Start the browser.", path: "/start"}.add(s, call)
	tool[api.ProfileRequest]{name: "stop", about: "Stop the browser.", path: "/stop"}.add(s, call)
	tool[struct{}]{name: "profiles", about: "List the browser profiles.", reads: true, method: "GET", path: "/profiles"}.add(s, call)
	tool[api.CreateProfileRequest]{name: "profiles_create", about: "Create a browser profile: a Chromium with user data of its own.", path: "/profiles/create"}.add(s, call)
	tool[api.DeleteProfileRequest]{name: "profiles_delete", about: "Delete a browser profile that was created by a call; its user data go to the trash.",
		method: "DELETE", path: "/profiles/", below: func(in api.DeleteProfileRequest) string { return url.PathEscape(in.Name) }}.add(s, call)
	tool[api.ProfileRequest]{name: "reset_profile", about: "Stop the browser and move its user data to the trash.", path: "/reset-profile"}.add(s, call)
	tool[api.ProfileRequest]{name: "tabs", about: "List the tabs.", reads: true, method: "GET", path: "/tabs"}.add(s, call)
	tool[api.OpenRequest]{name: "open", about: "Open a page in a new tab, starting the browser when needed.", path: "/tabs/open"}.add(s, call)
	tool[api.TargetRequest]{name: "focus", about: "Bring a tab to the front.", path: "/tabs/focus"}.add(s, call)
	tool[api.TargetRequest]{name: "close", about: "Close a tab.", method: "DELETE", path: "/tabs/", below: func(in api.TargetRequest) string { return url.PathEscape(in.TargetID) }}.add(s, call)
	tool[api.NavigateRequest]{name: "navigate", about: "Lead a tab to a page and wait until it has loaded.", path: "/navigate"}.add(s, call)
}

func addLooks(s *mcp.Server, call Call) {
	tool[api.SnapshotRequest]{name: "snapshot", reads: true, method: "GET", path: "/snapshot", show: asSnapshot,
		about: "Read the page as text, with a ref for each element to act on. interactive lists only what can be operated; mode=efficient is the shortest, " +
			"and mode=full all of it. selector (CSS), frame (CSS or ref of an iframe) and depth read a part. labels adds the path of a picture with the refs in it."}.add(s, call)
	tool[screenshot]{name: "screenshot", about: "Look at the page.", reads: true, path: "/screenshot", show: asPicture, in: func(in screenshot) any {
		r := api.ScreenshotRequest{FullPage: in.FullPage, Ref: in.Ref, Element: in.Element, Type: in.Type, Inline: true}
		r.Profile, r.TargetID = in.Profile, in.TargetID
		return r
	}}.add(s, call)
	tool[api.TabRequest]{name: "pdf", about: "Print the page into a PDF; the answer has its path.", reads: true, path: "/pdf"}.add(s, call)
	tool[api.HighlightRequest]{name: "highlight", about: "Show a person where an element is.", path: "/highlight"}.add(s, call)
	tool[api.ConsoleRequest]{name: "console", about: "Read the page's console. level: error, warning, info or debug, and what is worse.", reads: true, method: "GET", path: "/console"}.add(s, call)
	tool[api.ErrorsRequest]{name: "errors", about: "Read the exceptions that the page did not catch.", reads: true, method: "GET", path: "/errors"}.add(s, call)
	tool[api.RequestsRequest]{name: "requests", about: "List what the page asked of the network; filter is a part of the address.", reads: true, method: "GET", path: "/requests"}.add(s, call)
	tool[api.ResponseBodyRequest]{name: "response_body", about: "Wait for the next response of an address (a glob, or a part of it) and read its body.", reads: true, path: "/response/body"}.add(s, call)
	tool[api.TraceStartRequest]{name: "trace_start", about: "Begin to record a Chrome trace.", path: "/trace/start"}.add(s, call)
	tool[api.TraceStopRequest]{name: "trace_stop", about: "End the Chrome trace; the answer has its path.", path: "/trace/stop"}.add(s, call)
}

func addHooks(s *mcp.Server, call Call) {
	tool[api.ChooserRequest]{name: "upload", path: "/hooks/file-chooser",
		about: "Give files of the gateway's host to an input (inputRef, element), or to the chooser that a click (ref) or the page opens next."}.add(s, call)
	tool[api.DialogRequest]{name: "dialog", about: "Say beforehand what the page's next dialog is answered with; others are dismissed.", path: "/hooks/dialog"}.add(s, call)
	tool[download]{name: "download", about: "Click an element and keep what it downloads; the answer has the path.", path: "/download", in: func(in download) any {
		r := api.DownloadRequest{Ref: in.Ref, Path: in.Path, TimeoutMs: in.TimeoutMs}
		r.Profile, r.TargetID = in.Profile, in.TargetID
		return r
	}}.add(s, call)
	tool[api.DownloadRequest]{name: "wait_download", about: "Wait for the next download; the answer has the path.", path: "/wait/download"}.add(s, call)
}

func addStates(s *mcp.Server, call Call) {
	tool[api.TabRequest]{name: "cookies", about: "List the browser's cookies.", reads: true, method: "GET", path: "/cookies"}.add(s, call)
	tool[api.SetCookieRequest]{name: "cookies_set", about: "Set a cookie, for a url or a domain and path.", path: "/cookies/set"}.add(s, call)
	tool[api.TabRequest]{name: "cookies_clear", about: "Delete all cookies.", path: "/cookies/clear"}.add(s, call)
	kind := func(in api.StorageRequest) string { return url.PathEscape(in.Kind) }
	tool[api.StorageRequest]{name: "storage", about: "Read the page's storage: kind is local or session.", reads: true, method: "GET", path: "/storage/", below: kind}.add(s, call)
	tool[api.SetStorageRequest]{name: "storage_set", about: "Store a value: kind is local or session.", path: "/storage/",
		below: func(in api.SetStorageRequest) string { return url.PathEscape(in.Kind) + "/set" }}.add(s, call)
	tool[api.StorageRequest]{name: "storage_clear", about: "Delete all that the page stores: kind is local or session.", path: "/storage/",
		below: func(in api.StorageRequest) string { return url.PathEscape(in.Kind) + "/clear" }}.add(s, call)
	tool[api.OfflineRequest]{name: "set_offline", about: "Cut the page off the network, or connect it again.", path: "/set/offline"}.add(s, call)
	tool[api.HeadersRequest]{name: "set_headers", about: "Add headers to all requests of the tab; {} ends it.", path: "/set/headers"}.add(s, call)
	tool[api.CredentialsRequest]{name: "set_credentials", about: "Answer servers that ask for a user and password.", path: "/set/credentials"}.add(s, call)
	tool[api.GeolocationRequest]{name: "set_geolocation", about: "Choose where the page thinks it is.", path: "/set/geolocation"}.add(s, call)
	tool[api.MediaRequest]{name: "set_media", about: "Choose the colour scheme: dark, light, no-preference or none.", path: "/set/media"}.add(s, call)
	tool[api.TimezoneRequest]{name: "set_timezone", about: "Choose the time zone, such as Europe/Berlin.", path: "/set/timezone"}.add(s, call)
	tool[api.LocaleRequest]{name: "set_locale", about: "Choose the language, such as de-DE.", path: "/set/locale"}.add(s, call)
	tool[api.DeviceRequest]{name: "set_device", about: "Look like a device, such as iPhone 14.", path: "/set/device"}.add(s, call)
}
