// Package service puts a profile's gateway under the care of the user's own service manager: systemd on Linux, launchd on macOS, the task
// scheduler on Windows.
//
// A Spec says what to run and a Host writes and steers the unit; both take every value they need as an argument. What the started gateway
// tells systemd goes through a Notifier, the one place here that reads the process environment (NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID).
//
// The managers are reached through their own command-line tools, each in a minimal environment and bounded in time. Only files that carry
// our mark are ever replaced or removed without force.
//
// What the three can do differs, and is not papered over:
//
//   - systemd knows readiness, the watchdog, and that exit status 78 (configuration) is not worth a restart.
//   - launchd restarts after every failure, at most once in five seconds; it has no such exit status.
//   - The task scheduler restarts a minute after a failure, ends a task without letting it drain, sets no environment variable, and
//     expands %NAME% of a variable that exists even inside a path.
package service
