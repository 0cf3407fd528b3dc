// Package chromium finds Chromium on the host, starts it on a user data folder
// of its own with a debugging port on 127.0.0.1, and ends it with all of its
// children. It speaks no CDP.
//
// A Chromium ends with the process that started it: when the launcher's owner
// ends it, and on Linux also when that is killed.
package chromium
