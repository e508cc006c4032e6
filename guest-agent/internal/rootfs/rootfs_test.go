package rootfs

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Both ways to open: that of the kernel, and by hand.
func roots(t *testing.T, path string) map[string]*Root {
	t.Helper()
	made := map[string]*Root{}
	for _, byHand := range []bool{false, true} {
		root, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(root.Close)
		root.byHand = &atomic.Bool{}
		root.byHand.Store(byHand)
		made[map[bool]string{false: "openat2", true: "by hand"}[byHand]] = root
	}
	return made
}

func makeTree(t *testing.T) (root, outside string) {
	t.Helper()
	root, outside = t.TempDir(), t.TempDir()
	for _, name := range []string{"a/b/c", "d"} {
		must(t, os.MkdirAll(filepath.Join(root, name), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(root, "a/file"), []byte("inside"), 0o644))
	must(t, os.WriteFile(filepath.Join(outside, "file"), []byte("outside"), 0o644))
	must(t, unix.Mkfifo(filepath.Join(root, "fifo"), 0o600))
	for name, target := range map[string]string{
		"to-file": "a/file", "absolute": "/a/file", "up": "../../../a/file", "a/b/up": "../../../../a/file", "loop": "loop",
		"chain": "to-dir/../absolute-dir/file", "to-dir": "/a/b", "a/absolute-dir": "/a", "out": outside, "dangling": "/none",
		"to-fifo": "fifo", "slash": "a/",
	} {
		must(t, os.Symlink(target, filepath.Join(root, name)))
	}
	return root, outside
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenStaysInside(t *testing.T) {
	path, outside := makeTree(t)
	for way, root := range roots(t, path) {
		for _, name := range []string{
			"a/file", "/a/file", "//a/./b/../file", "../../a/file", "to-file", "absolute", "up", "a/b/up", "to-dir/up", "chain",
			"slash/file", "a/b/c/../../../../../../a/file",
		} {
			content, err := root.ReadFile(name, 100)
			if err != nil || string(content) != "inside" {
				t.Errorf("%s: %s gave %q, %v", way, name, content, err)
			}
		}
		for name, expected := range map[string]error{
			"out/file": unix.ENOENT, "../../../.." + outside + "/file": unix.ENOENT, "loop": unix.ELOOP, "loop/x": unix.ELOOP,
			"dangling": unix.ENOENT, "a/file/x": unix.ENOTDIR, "": unix.ENOENT, "a\x00b": unix.EINVAL, "none/../a/file": unix.ENOENT,
			"fifo": ErrNotRegular, "to-fifo": ErrNotRegular, "a": ErrNotRegular,
		} {
			if content, err := root.ReadFile(name, 100); !errors.Is(err, expected) {
				t.Errorf("%s: %q gave %q, %v, not %v", way, name, content, err, expected)
			}
		}
		if _, err := root.ReadFile("a/file", 5); !errors.Is(err, unix.EFBIG) {
			t.Errorf("%s: a file that is too large gave %v", way, err)
		}
	}
}

// It has the mode of a regular file.
func TestAFileWithoutAnEndIsNotWaitedFor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: it needs root")
	}
	for way, root := range roots(t, "/") {
		if _, err := root.ReadFile("/proc/kmsg", 64<<20); errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOENT) {
			t.Skipf("SKIPPED: /proc/kmsg cannot be read here: %v", err)
		} else if !errors.Is(err, ErrWaits) {
			t.Errorf("%s: it gave %v", way, err)
		}
	}
}

func TestLinksThemselves(t *testing.T) {
	path, _ := makeTree(t)
	for way, root := range roots(t, path) {
		fd, err := root.OpenAt("absolute", unix.O_PATH|unix.O_NOFOLLOW)
		must(t, err)
		target, err := ReadLink(fd)
		unix.Close(fd)
		if err != nil || target != "/a/file" {
			t.Errorf("%s: the link leads to %q, %v", way, target, err)
		}
		if _, err := root.OpenAt("absolute", unix.O_RDONLY|unix.O_NOFOLLOW); !errors.Is(err, unix.ELOOP) {
			t.Errorf("%s: a link that is not followed gave %v", way, err)
		}
		if _, err := root.OpenAt("a/file", unix.O_PATH|unix.O_DIRECTORY); !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("%s: a file as a directory gave %v", way, err)
		}
	}
}

// A file system of processes has links that lead out of any root directory.
func TestMagicLinksAreRefused(t *testing.T) {
	for way, root := range roots(t, "/") {
		for _, name := range []string{"/proc/self/root/etc/passwd", "/proc/self/cwd", "/proc/self/exe"} {
			if fd, err := root.OpenAt(name, unix.O_PATH); !errors.Is(err, unix.ELOOP) {
				t.Errorf("%s: %s gave %d, %v", way, name, fd, err)
			}
		}
	}
}

func TestDirectoriesAreMade(t *testing.T) {
	for _, way := range []string{"openat2", "by hand"} {
		path, outside := makeTree(t)
		root := roots(t, path)[way]
		for _, name := range []string{"new/one/two", "/to-dir/three", "out/four", "new//five/", "."} {
			fd, err := root.OpenDirectory(name, 0o755)
			if name == "out/four" {
				// The link leads to a place that is not there inside.
				if !errors.Is(err, unix.ENOENT) {
					t.Errorf("%s: %s gave %v", way, name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %s: %v", way, name, err)
				continue
			}
			unix.Close(fd)
		}
		for _, made := range []string{"new/one/two", "a/b/three", "new/five"} {
			if info, err := os.Stat(filepath.Join(path, made)); err != nil || !info.IsDir() {
				t.Errorf("%s: %s is not there", way, made)
			}
		}
		if _, err := os.Stat(filepath.Join(outside, "four")); err == nil {
			t.Errorf("%s: a directory was made outside", way)
		}
	}
}

func TestDescriptorsAreGivenBack(t *testing.T) {
	path, _ := makeTree(t)
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(entries)
	}
	for _, root := range roots(t, path) {
		before := count()
		for range 10 {
			for _, name := range []string{"chain", "a/b/up", "loop", "a/file/x", "none", "fifo"} {
				_, _ = root.ReadFile(name, 100)
			}
		}
		if after := count(); after > before {
			t.Errorf("%d descriptors became %d", before, after)
		}
	}
}

func TestSplit(t *testing.T) {
	for path, expected := range map[string][2]string{
		"a": {".", "a"}, "/a": {"/", "a"}, "/a/b": {"/a", "b"}, "a/b//": {"a", "b"}, "/": {".", ""}, "": {".", ""}, "a/..": {"a", ".."},
	} {
		if above, name := Split(path); above != expected[0] || name != expected[1] {
			t.Errorf("%q is split to %q, %q", path, above, name)
		}
	}
}

// Whatever the path is, both ways open the same, and nothing outside.
func FuzzOpen(f *testing.F) {
	for _, path := range []string{"a/file", "../x", "to-dir/../file", "/", "out/file", "a//b/./..", "loop/..", "slash/b"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		directory, _ := makeTree(t)
		found := map[string]unix.Stat_t{}
		failed := map[string]bool{}
		for way, root := range roots(t, directory) {
			fd, err := root.OpenAt(path, unix.O_PATH)
			failed[way] = err != nil
			if err != nil {
				continue
			}
			var stat unix.Stat_t
			must(t, unix.Fstat(fd, &stat))
			where, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
			unix.Close(fd)
			must(t, err)
			if where != directory && len(where) <= len(directory) || where[:len(directory)] != directory {
				t.Errorf("%s: %q led to %s", way, path, where)
			}
			found[way] = stat
		}
		if failed["openat2"] != failed["by hand"] || found["openat2"].Ino != found["by hand"].Ino {
			t.Errorf("%q: %v %v", path, failed, found)
		}
	})
}
