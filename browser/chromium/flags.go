package chromium

import "strconv"

// flags are Chromium's arguments. They keep it to its own folder, off the
// network until told to go there, without questions to people, and as quick in
// tabs that are behind others.
func (l *Launcher) flags(at Place) []string {
	f := []string{
		"--remote-debugging-address=127.0.0.1",
		"--remote-debugging-port=" + strconv.Itoa(at.Port),
		folderFlag + at.Folder,
		"--no-first-run", "--no-default-browser-check", "--disable-search-engine-choice-screen",
		"--hide-crash-restore-bubble", "--disable-session-crashed-bubble", "--disable-prompt-on-repost", "--disable-hang-monitor",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
		"--disable-component-extensions-with-background-pages",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
		"--disable-features=Translate,MediaRouter",
	}
	if l.Headless() {
		// The page has the mouse that we move, and no scrollbars that come and go
		// with pictures of the whole of it.
		f = append(f, "--headless=new", "--disable-gpu", "--mute-audio", "--hide-scrollbars",
			"--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4")
	}
	if l.NoSandbox() {
		f = append(f, "--no-sandbox")
	}
	switch l.cfg.Host.OS {
	case "linux":
		f = append(f, "--password-store=basic", "--disable-dev-shm-usage") // /dev/shm is small in containers
	case "darwin":
		f = append(f, "--use-mock-keychain")
	}
	return append(f, "about:blank")
}
