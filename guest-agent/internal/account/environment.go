package account

import "strings"

const (
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	defaultLang = "C.UTF-8"

	maxSettingsBytes = 64 << 10
	maxLang          = 64
	maxPath          = 4096
)

// Environment is what a login of this account has, KEY=VALUE: PATH, HOME, USER and LANG, with the system-wide settings of
// the root directory.
func Environment(files Files, of Account) []string {
	path, lang := defaultPath, defaultLang
	for _, file := range []string{"/etc/locale.conf", "/etc/default/locale", "/etc/environment"} {
		content, err := files.ReadFile(file, maxSettingsBytes)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(content)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			value = strings.Trim(value, `"'`)
			switch {
			case key == "LANG" && isLocale(value):
				lang = value
			case key == "PATH" && file == "/etc/environment" && isPath(value):
				path = value
			}
		}
	}
	return []string{"PATH=" + path, "HOME=" + of.Home, "USER=" + of.Name, "LANG=" + lang}
}

func isLocale(value string) bool {
	if value == "" || len(value) > maxLang {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool {
		isLetter := r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		return !isLetter && (r < '0' || r > '9') && !strings.ContainsRune("_.@-", r)
	})
}

func isPath(value string) bool {
	return strings.HasPrefix(value, "/") && len(value) <= maxPath && strings.IndexByte(value, 0) < 0
}
