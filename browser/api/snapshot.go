package api

// SnapshotRequest is what GET /snapshot (snapshot) takes. All but Format,
// Limit and TargetID are for the format ai.
type SnapshotRequest struct {
	TabRequest
	Format      string `json:"format,omitempty"`      // ai or aria; "" means ai
	Limit       int    `json:"limit,omitempty"`       // nodes of aria, at most 2000; 0 means 500
	MaxChars    int    `json:"maxChars,omitempty"`    // of the text; 0 means 80000, or 10000 when efficient
	Mode        string `json:"mode,omitempty"`        // efficient (interactive, compact and 6 deep) or full; "" means browser.snapshotDefaults
	Interactive bool   `json:"interactive,omitempty"` // a list of what can be operated, nothing else
	Compact     bool   `json:"compact,omitempty"`     // without elements that only hold others
	Depth       int    `json:"depth,omitempty"`       // of the deepest line, the first being 0; 0 means no limit
	Refs        string `json:"refs,omitempty"`        // role or aria: the same here
	Selector    string `json:"selector,omitempty"`    // CSS: only what is in the first element that fits
	Frame       string `json:"frame,omitempty"`       // CSS or ref of an iframe: only what is in it
	Labels      bool   `json:"labels,omitempty"`      // with a picture that shows the refs
}

// Snapshot is its answer: for the format ai Snapshot with what belongs to it,
// for aria Nodes.
type Snapshot struct {
	OnTab
	Format        string                 `json:"format"`
	URL           string                 `json:"url"`
	Snapshot      string                 `json:"snapshot,omitempty"`      // YAML, a line for each node
	Refs          map[string]SnapshotRef `json:"refs,omitzero"`           // by e1, f1e2 …: those in Snapshot
	Stats         *SnapshotStats         `json:"stats,omitempty"`         // of Snapshot
	Nodes         []AriaNode             `json:"nodes,omitempty"`         // parents first
	Truncated     bool                   `json:"truncated,omitempty"`     // there is more than was asked for
	Labels        bool                   `json:"labels,omitempty"`        // there is a picture
	LabelsCount   *int                   `json:"labelsCount,omitempty"`   // refs in the picture
	LabelsSkipped *int                   `json:"labelsSkipped,omitempty"` // refs that are out of view, or too many
	ImagePath     string                 `json:"imagePath,omitempty"`
	ImageType     string                 `json:"imageType,omitempty"` // png or jpeg
}

// SnapshotRef is what a ref names. Nth counts, from 0, those with the same role
// and name; nil when there is only one.
type SnapshotRef struct {
	Role string `json:"role"`
	Name string `json:"name,omitempty"`
	Nth  *int   `json:"nth,omitempty"`
}

// SnapshotStats is the size of a snapshot.
type SnapshotStats struct {
	Lines       int `json:"lines"`
	Chars       int `json:"chars"`
	Refs        int `json:"refs"`
	Interactive int `json:"interactive"` // refs that are there to be operated
}

// AriaNode is one node of the accessibility tree.
type AriaNode struct {
	Ref              string `json:"ref"` // ax1, ax2 … of this snapshot
	Role             string `json:"role"`
	Name             string `json:"name"`
	Value            string `json:"value,omitempty"`
	Description      string `json:"description,omitempty"`
	BackendDOMNodeID int64  `json:"backendDOMNodeId,omitempty"`
	Depth            int    `json:"depth"`
}
