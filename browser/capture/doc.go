// Package capture shows what a tab looks like: pictures, PDF, a stream of frames,
// a highlighted element; and records what the browser does as a Chrome trace.
//
// # Pictures
//
// A tab comes to the front before its picture is taken: Chromium takes seconds
// over one behind others. A picture of the view is taken as it is. One of an
// element, or of the whole page, is cut out by Chromium, which makes it smaller
// while it draws when a side would be longer than 2000 pixels; what lies outside
// of the view can only be drawn by resizing the page for a moment, which its
// scripts can notice, as with every other tool. What is still too large, in
// pixels or over 5 MiB, becomes a smaller JPEG.
//
// # Frames
//
// A Cast has at most one frame under way: Chromium draws none before the last one
// was acknowledged, and then sends what the tab shows by that time. So frames come
// no faster than they are taken, none is stale, and a page that does not change
// costs nothing.
package capture
