package api

// CreateProfileRequest is what POST /profiles/create (profiles_create) takes.
type CreateProfileRequest struct {
	Name   string `json:"name"`             // a-z, 0-9 and -, at most 64 long
	Color  string `json:"color,omitempty"`  // #RRGGBB; "" takes one that no other has
	CDPURL string `json:"cdpUrl,omitempty"` // of a browser to attach to; "" starts one
	Driver string `json:"driver,omitempty"` // clawd or extension; "" means clawd
}

// CreatedProfile is its answer. CDPPort is 0 with the extension driver.
type CreatedProfile struct {
	Answered
	OK       bool   `json:"ok"`
	Profile  string `json:"profile"`
	CDPPort  int    `json:"cdpPort"`
	CDPURL   string `json:"cdpUrl"` // without credentials
	Color    string `json:"color"`
	IsRemote bool   `json:"isRemote"`
}

// DeleteProfileRequest is what DELETE /profiles/{name} (profiles_delete) takes.
type DeleteProfileRequest struct {
	Name string `json:"name"`
}

// DeletedProfile is its answer. Deleted is false when there was no user data.
type DeletedProfile struct {
	Answered
	OK      bool   `json:"ok"`
	Profile string `json:"profile"`
	Deleted bool   `json:"deleted"`
	To      string `json:"to,omitempty"` // where the user data is now
}

// ResetProfile is the answer of POST /reset-profile (reset_profile). Moved is
// false when there was no user data.
type ResetProfile struct {
	Answered
	OK      bool   `json:"ok"`
	Profile string `json:"profile"`
	Moved   bool   `json:"moved"`
	From    string `json:"from"`
	To      string `json:"to,omitempty"`
}
