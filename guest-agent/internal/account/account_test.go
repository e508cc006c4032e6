package account

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

type files map[string]string

func (f files) ReadFile(path string, limit int64) ([]byte, error) {
	content, isThere := f[path]
	switch {
	case !isThere:
		return nil, unix.ENOENT
	case int64(len(content)) > limit:
		return nil, unix.EFBIG
	}
	return []byte(content), nil
}

var ordinary = files{
	"/etc/passwd": "root:x:0:0:root:/root:/bin/bash\n# no entry\nbroken:x:nine:9::/:\nshort:x:1\n:x:7:7::/:/bin/sh\n" +
		"huge:x:4294967296:1::/:/bin/sh\nnobody:x:4294967295:1::/:/bin/sh\nminus:x:-1:1::/:/bin/sh\n" +
		"app:x:1000:1000:a:/home/app:\n1001:x:5000:5000::/five:/bin/five\nlast:x:1002:1000::/home/last:/bin/last",
	"/etc/group": "root:x:0:\napp:x:1000:\nwheel:x:10:root,app\nadm:x:4:apple,app,\nagain:x:10:app\nbad:x:x:app\nends:x:77:last",
}

func TestLookup(t *testing.T) {
	for name, expected := range map[string]struct {
		user, group string
		further     []string
		found       Account
	}{
		"default":                 {"", "", nil, Account{Name: "root", Groups: []uint32{0, 10}, Home: "/root", Shell: "/bin/bash"}},
		"a name":                  {"app", "", nil, Account{Name: "app", UID: 1000, GID: 1000, Groups: []uint32{1000, 10, 4}, Home: "/home/app", Shell: "/bin/sh"}},
		"a line without its end":  {"last", "", nil, Account{Name: "last", UID: 1002, GID: 1000, Groups: []uint32{1000, 77}, Home: "/home/last", Shell: "/bin/last"}},
		"a name of digits":        {"1001", "", nil, Account{Name: "1001", UID: 5000, GID: 5000, Groups: []uint32{5000}, Home: "/five", Shell: "/bin/five"}},
		"a uid":                   {"1000", "adm", []string{"wheel", "123"}, Account{Name: "app", UID: 1000, GID: 4, Groups: []uint32{1000, 10, 4, 123}, Home: "/home/app", Shell: "/bin/sh"}},
		"a uid that nobody knows": {"42", "", nil, Account{UID: 42, Groups: []uint32{0}, Home: "/", Shell: "/bin/sh"}},
		"numbers nobody knows":    {"42", "43", nil, Account{UID: 42, GID: 43, Home: "/", Shell: "/bin/sh"}},
	} {
		found, err := Lookup(ordinary, expected.user, expected.group, expected.further, 0)
		if err != nil || found.Name != expected.found.Name || found.UID != expected.found.UID || found.GID != expected.found.GID ||
			!slices.Equal(found.Groups, expected.found.Groups) || found.Home != expected.found.Home || found.Shell != expected.found.Shell {
			t.Errorf("%s: found %+v, %v", name, found, err)
		}
	}
}

func TestWhoIsNotFound(t *testing.T) {
	var missing *NotFoundError
	for _, user := range []string{"none", "broken", "short", "huge", "nobody", "minus", "4294967295", "4294967296", "-1", "+1", " 1", "0x1"} {
		if found, err := Lookup(ordinary, user, "", nil, 0); !errors.As(err, &missing) {
			t.Errorf("user %q: found %+v, %v", user, found, err)
		}
	}
	for _, group := range []string{"none", "bad", "4294967295", "-1"} {
		if found, err := Lookup(ordinary, "app", group, nil, 0); !errors.As(err, &missing) {
			t.Errorf("group %q: found %+v, %v", group, found, err)
		}
	}
	found, err := Lookup(files{}, "", "", nil, 0)
	if err != nil || found.Home != "/root" || found.Name != "root" {
		t.Errorf("without files: %+v, %v", found, err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	huge := strings.Repeat("x", maxFileBytes+1)
	for name, these := range map[string]files{
		"passwd": {"/etc/passwd": huge, "/etc/group": ordinary["/etc/group"]},
		"group":  {"/etc/passwd": ordinary["/etc/passwd"], "/etc/group": huge},
		"both":   {"/etc/passwd": huge, "/etc/group": huge},
	} {
		for _, words := range [][]string{{"", ""}, {"0", ""}, {"5", "6", "7"}, {"", "6"}} {
			found, err := Lookup(these, words[0], words[1], words[2:], 0)
			if err != nil || !errors.Is(found.Unread, unix.EFBIG) || found.Home == "" || found.Shell == "" {
				t.Errorf("%s: %q: found %+v, %v", name, words, found, err)
			}
		}
		found, _ := Lookup(these, "5", "6", []string{"7"}, 0)
		if found.UID != 5 || found.GID != 6 || !slices.Equal(found.Groups, []uint32{7}) {
			t.Errorf("%s: found %+v", name, found)
		}
		for _, words := range [][]string{{"app", ""}, {"app", "6"}} {
			if found, err := Lookup(these, words[0], words[1], nil, 0); !errors.Is(err, unix.EFBIG) {
				t.Errorf("%s: %q: found %+v, %v", name, words, found, err)
			}
		}
	}
	broken := files{"/etc/passwd": ordinary["/etc/passwd"], "/etc/group": huge}
	for _, words := range [][]string{{"", "wheel"}, {"5", "6", "wheel"}} {
		if found, err := Lookup(broken, words[0], words[1], words[2:], 0); !errors.Is(err, unix.EFBIG) {
			t.Errorf("%q: found %+v, %v", words, found, err)
		}
	}
	if found, err := Lookup(files{}, "", "", nil, 0); err != nil || found.Unread != nil {
		t.Errorf("without files: %+v, %v", found, err)
	}
}

func TestEnvironment(t *testing.T) {
	of := Account{Name: "app", Home: "/home/app"}
	for name, expected := range map[string]struct {
		files      files
		path, lang string
	}{
		"nothing":            {files{}, defaultPath, defaultLang},
		"locale.conf":        {files{"/etc/locale.conf": "LANG=de_DE.UTF-8\nPATH=/no\n"}, defaultPath, "de_DE.UTF-8"},
		"environment":        {files{"/etc/environment": "# x\n PATH=\"/a:/b\"\nLANG='C'\n"}, "/a:/b", "C"},
		"what is no locale":  {files{"/etc/locale.conf": "LANG=a b\nLANG=" + strings.Repeat("x", 65) + "\nLANG=\n"}, defaultPath, defaultLang},
		"what is no path":    {files{"/etc/environment": "PATH=bin\nPATH=/a\x00b\n"}, defaultPath, defaultLang},
		"what is no setting": {files{"/etc/environment": "PATH\nLANG\n=\n"}, defaultPath, defaultLang},
	} {
		found := Environment(expected.files, of)
		if !slices.Equal(found, []string{"PATH=" + expected.path, "HOME=/home/app", "USER=app", "LANG=" + expected.lang}) {
			t.Errorf("%s: %q", name, found)
		}
	}
}

// Whatever the files hold: no id that means "no change", no NUL in what becomes environment.
func FuzzLookup(f *testing.F) {
	f.Add(ordinary["/etc/passwd"], ordinary["/etc/group"], "app", "wheel", "LANG=x")
	f.Add("a:::::::\n", "::::\n", "", "", "PATH=/\x00")
	f.Add("a:b:4294967295:0:::\n", "g:x:4294967295:a", "a", "g", "")
	f.Fuzz(func(t *testing.T, passwd, groups, user, group, environment string) {
		these := files{"/etc/passwd": passwd, "/etc/group": groups, "/etc/environment": environment}
		found, err := Lookup(these, user, group, nil, 0)
		if err != nil {
			return
		}
		if found.UID == noID || found.GID == noID || slices.Contains(found.Groups, noID) || len(found.Groups) == 0 || found.Shell == "" {
			t.Errorf("%+v", found)
		}
		for _, entry := range Environment(these, found) {
			if strings.IndexByte(entry, 0) >= 0 {
				t.Errorf("%q", entry)
			}
		}
	})
}
