// Package rootfs opens files below a root directory, whatever symbolic links are in it: the content of that directory is
// not trusted, and the agent is root.
package rootfs

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Auto picks the root of a microVM whose init keeps the container's file system there, where that is a directory, else /.
const Auto = "auto"

const overlayRoot = "/overlay/newroot"

// Path is the root directory that the setting means at this moment: an init may mount it after the agent has started.
func Path(setting string) string {
	if setting != Auto {
		return setting
	}
	if info, err := os.Stat(overlayRoot); err == nil && info.IsDir() {
		return overlayRoot
	}
	return "/"
}

// Root is a root directory. Close it.
type Root struct {
	fd int
	// Set in tests, and by the first answer of a kernel before 5.6.
	byHand *atomic.Bool
}

// No openat2 here: known for the rest of the process's life.
var withoutOpenat2 atomic.Bool

// Open opens the directory as a root.
func Open(path string) (*Root, error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &Root{fd: fd, byHand: &withoutOpenat2}, nil
}

// Close gives the descriptor back.
func (r *Root) Close() { unix.Close(r.fd) }

// OpenAt opens a path below the root; absolute links and ".." stay inside it, and the links of /proc that lead
// elsewhere are refused with ELOOP. O_CREAT is not for it: make files relative to the directory that it opens.
func (r *Root) OpenAt(path string, flags int) (int, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return -1, unix.EINVAL
	}
	if path == "" {
		return -1, unix.ENOENT
	}
	if !r.byHand.Load() {
		fd, err := r.openat2(path, flags)
		if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
			return fd, err
		}
		// EPERM: a seccomp filter that does not know the call.
		if errors.Is(err, unix.ENOSYS) {
			r.byHand.Store(true)
		}
	}
	return r.walk(path, flags|unix.O_CLOEXEC)
}

// A rename at the same time makes the kernel give up; that often is more than bad luck.
const maxRaces = 32

func (r *Root) openat2(path string, flags int) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	for race := 0; ; race++ {
		fd, err := unix.Openat2(r.fd, path, &how)
		if race < maxRaces && (errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR)) {
			continue
		}
		return fd, err
	}
}

const maxLinks = 40

// The same by hand, a component at a time.
func (r *Root) walk(path string, flags int) (int, error) {
	// The directories on the way down, for "..".
	var way []int
	defer func() {
		for _, fd := range way {
			unix.Close(fd)
		}
	}()
	here := func() int {
		if len(way) == 0 {
			return r.fd
		}
		return way[len(way)-1]
	}
	up := func(depth int) {
		for len(way) > depth {
			unix.Close(way[len(way)-1])
			way = way[:len(way)-1]
		}
	}
	links := 0
	for rest := path; ; {
		rest = strings.TrimLeft(rest, "/")
		name, after, more := strings.Cut(rest, "/")
		rest = after
		switch name {
		case "", ".":
			if more {
				continue
			}
			return unix.Openat(here(), ".", flags, 0)
		case "..":
			if len(way) > 0 {
				up(len(way) - 1)
			}
			if !more {
				return unix.Openat(here(), ".", flags, 0)
			}
			continue
		}
		fd, err := unix.Openat(here(), name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, err
		}
		var stat unix.Stat_t
		if err := unix.Fstat(fd, &stat); err != nil {
			unix.Close(fd)
			return -1, err
		}
		switch {
		case stat.Mode&unix.S_IFMT == unix.S_IFLNK && (more || flags&unix.O_NOFOLLOW == 0):
			target, err := readPlainLink(fd)
			unix.Close(fd)
			if err != nil {
				return -1, err
			}
			if links++; links > maxLinks {
				return -1, unix.ELOOP
			}
			if strings.HasPrefix(target, "/") {
				up(0)
			}
			if more {
				target += "/" + rest
			}
			rest = target
		case more:
			if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
				unix.Close(fd)
				return -1, unix.ENOTDIR
			}
			way = append(way, fd)
		case flags&unix.O_PATH != 0 && flags&unix.O_DIRECTORY == 0:
			return fd, nil
		default:
			unix.Close(fd)
			return unix.Openat(here(), name, flags|unix.O_NOFOLLOW, 0)
		}
	}
}

// Which links of /proc lead elsewhere is not to be seen, so none of it is followed.
func readPlainLink(fd int) (string, error) {
	var system unix.Statfs_t
	if err := unix.Fstatfs(fd, &system); err != nil {
		return "", err
	}
	if system.Type == unix.PROC_SUPER_MAGIC {
		return "", unix.ELOOP
	}
	target, err := ReadLink(fd)
	if err == nil && target == "" {
		err = unix.ENOENT
	}
	return target, err
}

// ReadLink reads a symbolic link that is open with O_PATH and O_NOFOLLOW.
func ReadLink(fd int) (string, error) {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buffer)
	if err != nil {
		return "", err
	}
	return string(buffer[:n]), nil
}

// ErrNotRegular is a FIFO, a device or a directory in place of a file.
var ErrNotRegular = errors.New("is not a regular file")

// ErrWaits is a file, mostly of /proc, that has nothing to read now and no end either.
var ErrWaits = errors.New("has no end: whoever reads it waits for more")

// ReadFile reads a regular file of at most limit bytes. A FIFO or device in its place is an error, and is not opened.
func (r *Root) ReadFile(path string, limit int64) ([]byte, error) {
	fd, err := r.OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	content, err := io.ReadAll(io.LimitReader(Reader(fd), limit+1))
	if err == nil && int64(len(content)) > limit {
		err = unix.EFBIG
	}
	return content, err
}

// Reader reads a file that was opened with O_NONBLOCK, and gives ErrWaits where an os.File would wait.
type Reader int

func (r Reader) Read(buffer []byte) (int, error) {
	n, err := ignoringEINTR(func() (int, error) { return unix.Read(int(r), buffer) })
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, ErrWaits
	case err != nil:
		return 0, err
	case n == 0 && len(buffer) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// OpenRegular opens a regular file for reading, and nothing else.
func (r *Root) OpenRegular(path string) (int, error) {
	if err := r.expectRegular(path, unix.O_PATH, nil); err != nil {
		return -1, err
	}
	var fd int
	err := r.expectRegular(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, &fd)
	return fd, err
}

func (r *Root) expectRegular(path string, flags int, keep *int) error {
	fd, err := r.OpenAt(path, flags)
	if err != nil {
		return err
	}
	var stat unix.Stat_t
	err = unix.Fstat(fd, &stat)
	if err == nil && stat.Mode&unix.S_IFMT != unix.S_IFREG {
		err = ErrNotRegular
	}
	if err != nil || keep == nil {
		unix.Close(fd)
		return err
	}
	*keep = fd
	return nil
}

// Split gives the directory of a path ("." where it has none) and its last name. Slashes at its end are not looked at.
func Split(path string) (directory, name string) {
	path = strings.TrimRight(path, "/")
	at := strings.LastIndexByte(path, '/')
	switch {
	case at < 0:
		return ".", path
	case at == 0:
		return "/", path[1:]
	}
	return path[:at], path[at+1:]
}

// OpenDirectory opens a directory with O_PATH, and makes it and those above it where they are not there.
func (r *Root) OpenDirectory(path string, mode uint32) (int, error) {
	fd, err := r.OpenAt(path, unix.O_PATH|unix.O_DIRECTORY)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	above, name := Split(path)
	if name == "" || name == "." || name == ".." {
		return -1, err
	}
	parent, err := r.OpenDirectory(above, mode)
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := unix.Mkdirat(parent, name, mode); err != nil && !errors.Is(err, unix.EEXIST) {
		return -1, err
	}
	// A link that leads nowhere is there, and stays what it is.
	return r.OpenAt(path, unix.O_PATH|unix.O_DIRECTORY)
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
