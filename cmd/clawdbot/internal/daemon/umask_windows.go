package daemon

// keepPrivate has nothing to do: the profile's folders inherit the rights of
// the user's home folder.
func keepPrivate() {}
