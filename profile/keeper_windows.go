package profile

import "io/fs"

// owned and private know nothing: a home folder on Windows is its user's alone, and a mode tells nothing there.
func owned(fs.FileInfo) bool   { return true }
func private(fs.FileInfo) bool { return true }
