// Package tab holds one page of a browser that is attached to: its frames, those
// with a process of their own included, the script that we put beside the page's
// own ones, refs of its nodes, its navigation, and what it said to its console
// and to the network.
//
// # Frames
//
// A page is a tree of frames. Those of other sites live in processes, and so in
// CDP sessions, of their own; Frame.Session tells which. The tree follows the
// browser's events, so a frame can be gone between two calls: that is an error
// of the call and never a panic.
//
// # Refs
//
// A node that was told of in a snapshot has a number in its frame: e12 in the
// main one, f1e2 in the frame with index 1. It keeps that number for as long as
// its document lives, and no other node of the tab ever gets it, so a ref of an
// earlier page cannot be mistaken for a newer one.
//
// # The script
//
// package inject's script runs in an isolated world of each frame that needs it:
// it shares the DOM with the page and nothing else.
package tab
