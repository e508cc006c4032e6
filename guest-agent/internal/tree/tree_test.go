package tree

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStat(t *testing.T) {
	own, ok := read(os.Getpid())
	if !ok || own.pid != os.Getpid() || own.parent != os.Getppid() || own.startTime == 0 {
		t.Errorf("this process is %+v", own)
	}
	rest := " 7 8 9 34816 10 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 1"
	for line, expected := range map[string]info{
		"12 (sh) S" + rest:           {pid: 12, parent: 7, session: 9, state: 'S', startTime: 12345},
		"12 (a) Z 1 (b) c) R" + rest: {pid: 12, parent: 7, session: 9, state: 'R', startTime: 12345},
		"12 (\n ) ) S" + rest:        {pid: 12, parent: 7, session: 9, state: 'S', startTime: 12345},
	} {
		if found, ok := parseStat(line); !ok || found != expected {
			t.Errorf("%q is %+v", line, found)
		}
	}
	for _, line := range []string{"", "12", "12 (sh) S", "x (sh) S" + rest, "12 (sh) SS" + rest, "12 sh S" + rest} {
		if found, ok := parseStat(line); ok {
			t.Errorf("%q is %+v", line, found)
		}
	}
}

func FuzzStat(f *testing.F) {
	f.Add("12 (sh) S 7 8 9 34816 10 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 1")
	f.Add(") ) (")
	f.Fuzz(func(t *testing.T, line string) { parseStat(line) })
}

func TestOwnDirectory(t *testing.T) {
	const mount = "24 1 0:21 / /proc rw - proc proc rw\n"
	for name, expected := range map[string]struct{ mounts, groups, found string }{
		"version 2 alone":     {"30 1 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n", "0::/system.slice/a.service\n", "/sys/fs/cgroup/system.slice/a.service"},
		"both":                {"30 1 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup rw\n", "2:cpu:/x\n0::/\n", "/sys/fs/cgroup/unified"},
		"of a container":      {"30 1 0:26 /docker/1 /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/docker/1/sub\n", "/sys/fs/cgroup/sub"},
		"of a part":           {"30 1 0:26 /other /mnt rw - cgroup2 cgroup rw\n", "0::/\n", ""},
		"version 1":           {"30 1 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw\n", "2:cpu:/\n", ""},
		"not mounted":         {"", "0::/\n", ""},
		"what cannot be":      {"30 - cgroup2 x\n", "0::/\n", ""},
		"another namespace's": {"30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "0::/../x\n", ""},
	} {
		directory := t.TempDir()
		mounts, groups := filepath.Join(directory, "mounts"), filepath.Join(directory, "groups")
		for path, content := range map[string]string{mounts: mount + expected.mounts, groups: expected.groups} {
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		found, err := ownDirectory(mounts, groups)
		if found != expected.found || (err == nil) != (expected.found != "") {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}
}
