// Package account looks up users and groups in the files of a root directory, as a login there would.
package account

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Files reads a file of the root directory, of at most limit bytes.
type Files interface {
	ReadFile(path string, limit int64) ([]byte, error)
}

// Account is whom a command runs as.
type Account struct {
	Name string
	UID  uint32
	GID  uint32
	// Supplementary, without repetition.
	Groups []uint32
	Home   string
	Shell  string
	// Unread says which files of accounts are there and cannot be read: what they know is missing here. Mostly nil.
	Unread error
}

// NotFoundError says which name the root directory does not know.
type NotFoundError struct{ What string }

func (e *NotFoundError) Error() string { return "there is no " + e.What }

const (
	maxFileBytes = 4 << 20
	// More is refused by the kernel (NGROUPS_MAX).
	maxGroups    = 65536
	defaultShell = "/bin/sh"
)

// An id that means "no change" to the kernel.
const noID = 1<<32 - 1

// Lookup finds a user by name or uid, a group in place of the user's own, and further groups. An empty user is the one
// with defaultUID. A number that no file knows is still a user: with group 0, home / and /bin/sh. Only names need the
// files: with numbers a damaged guest can be entered, and repaired.
func Lookup(files Files, user, group string, further []string, defaultUID uint32) (Account, error) {
	passwd, passwdErr := read(files, "/etc/passwd")
	if passwdErr != nil && isName(user) {
		return Account{}, passwdErr
	}
	found, err := lookUpUser(passwd, user, defaultUID)
	if err != nil {
		return Account{}, err
	}
	groups, groupsErr := read(files, "/etc/group")
	// Fewer groups than a user has are not always fewer rights.
	if groupsErr != nil && (isName(user) || isName(group) || slices.ContainsFunc(further, isName)) {
		return Account{}, groupsErr
	}
	found.Unread = errors.Join(passwdErr, groupsErr)
	seen := map[uint32]bool{}
	add := func(gid uint32) {
		if !seen[gid] && len(found.Groups) < maxGroups {
			seen[gid] = true
			found.Groups = append(found.Groups, gid)
		}
	}
	// Nobody has given a number that no file knows its group.
	if group == "" || found.Name != "" {
		add(found.GID)
	}
	for fields := range entries(groups, 4) {
		gid, ok := parseID(fields[2])
		if ok && found.Name != "" && contains(fields[3], found.Name) {
			add(gid)
		}
	}
	if group != "" {
		if found.GID, err = lookUpGroup(groups, group); err != nil {
			return Account{}, err
		}
	}
	for _, name := range further {
		gid, err := lookUpGroup(groups, name)
		if err != nil {
			return Account{}, err
		}
		add(gid)
	}
	return found, nil
}

func lookUpUser(passwd, user string, defaultUID uint32) (Account, error) {
	wanted := user
	if user == "" {
		wanted = strconv.FormatUint(uint64(defaultUID), 10)
	}
	for fields := range entries(passwd, 7) {
		if fields[0] != wanted && fields[2] != wanted {
			continue
		}
		uid, uidOK := parseID(fields[2])
		gid, gidOK := parseID(fields[3])
		if !uidOK || !gidOK || fields[0] == "" {
			continue
		}
		return Account{Name: fields[0], UID: uid, GID: gid, Home: or(fields[5], "/"), Shell: or(fields[6], defaultShell)}, nil
	}
	uid, ok := parseID(wanted)
	switch {
	case !ok:
		return Account{}, &NotFoundError{What: fmt.Sprintf("user %q", user)}
	case uid == 0:
		return Account{Name: "root", Home: "/root", Shell: defaultShell}, nil
	}
	return Account{UID: uid, Home: "/", Shell: defaultShell}, nil
}

func lookUpGroup(groups, name string) (uint32, error) {
	for fields := range entries(groups, 3) {
		if fields[0] != name && fields[2] != name {
			continue
		}
		if gid, ok := parseID(fields[2]); ok {
			return gid, nil
		}
	}
	if gid, ok := parseID(name); ok {
		return gid, nil
	}
	return 0, &NotFoundError{What: fmt.Sprintf("group %q", name)}
}

// A root directory without such a file is one without such names.
func read(files Files, path string) (string, error) {
	content, err := files.ReadFile(path, maxFileBytes)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(content), nil
}

// The lines of a file with at least so many fields between colons.
func entries(content string, fields int) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(content) {
			// No name or directory can hold such a byte.
			if strings.IndexByte(line, 0) >= 0 {
				continue
			}
			parts := strings.Split(strings.TrimSuffix(line, "\n"), ":")
			if len(parts) >= fields && !yield(parts) {
				return
			}
		}
	}
}

func isName(word string) bool {
	_, isNumber := parseID(word)
	return word != "" && !isNumber
}

func parseID(text string) (uint32, bool) {
	for _, digit := range []byte(text) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
	}
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err == nil && id != noID
}

func contains(list, name string) bool {
	for member := range strings.SplitSeq(list, ",") {
		if member == name {
			return true
		}
	}
	return false
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
