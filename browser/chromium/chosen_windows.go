package chromium

import "golang.org/x/sys/windows/registry"

// chosenKind reads which program opens links from the person's choice in the
// registry. The home folder says nothing of it.
func chosenKind(string) string {
	key, err := registry.OpenKey(registry.CURRENT_USER, `Software\Microsoft\Windows\Shell\Associations\UrlAssociations\http\UserChoice`, registry.QUERY_VALUE)
	if err != nil {
		return ""
	}
	defer key.Close()
	program, _, err := key.GetStringValue("ProgId")
	if err != nil {
		return ""
	}
	return kindIn(program)
}
