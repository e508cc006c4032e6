package launch

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Finds the program as execvp(3) does, with the rights of this thread, so that "no such command" is told from a command
// that may not be called.
func lookUp(word string, env []string) (string, *Refusal) {
	if strings.Contains(word, "/") {
		switch err := executable(word); {
		case err == nil:
			return word, nil
		case isMissing(err):
			return "", refuse(CommandNotFound, "there is no %q", word)
		default:
			return "", refuse(CommandNotExecutable, "%q cannot be executed: %v", word, err)
		}
	}
	var hindrance error
	if word != "" {
		for directory := range strings.SplitSeq(pathOf(env), ":") {
			if directory == "" {
				directory = "."
			}
			file := directory + "/" + word
			err := executable(file)
			if err == nil {
				return file, nil
			}
			if !isMissing(err) {
				hindrance = err
			}
		}
	}
	if hindrance != nil {
		return "", refuse(CommandNotExecutable, "%q cannot be executed: %v", word, hindrance)
	}
	return "", refuse(CommandNotFound, "there is no %q in the PATH", word)
}

func pathOf(env []string) string {
	for _, entry := range env {
		if value, isPath := strings.CutPrefix(entry, "PATH="); isPath {
			return value
		}
	}
	return ""
}

func executable(file string) error {
	var stat unix.Stat_t
	if err := unix.Stat(file, &stat); err != nil {
		return err
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return unix.EISDIR
	default:
		return unix.EACCES
	}
	err := unix.Faccessat2(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS)
	// Before Linux 5.8, or a seccomp filter that does not know it: the call itself will tell.
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}
