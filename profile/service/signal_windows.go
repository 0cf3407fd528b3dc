package service

import "syscall"

// SignalName is empty: no signal ends a process on Windows.
func SignalName(syscall.Signal) string { return "" }
