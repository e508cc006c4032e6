package tree

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Before PIDNAMESPACE-PID-STARTTIME, which is the directory of one agent.
	agentPrefix = "lxcri-agent-"
	// Where the daemons go that commands left behind.
	leftBehind = "lxcri-left-behind"
)

// Groups makes a control group (v2) for each command, below the agent's own. A nil *Groups makes none.
type Groups struct {
	// The agent's directory, below the group that it was started in.
	name string

	lock              sync.Mutex
	parent, directory string
}

// Group is that of one command. A nil *Group has no members.
type Group struct {
	directory string
	leftovers string
	file      *os.File
}

// NewGroups gives nil and the reason where there is no cgroup2 file system that we can use. What a killed agent left
// running is ended.
func NewGroups() (*Groups, error) {
	own, err := ownDirectory("/proc/self/mountinfo", "/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	self, ok := read(os.Getpid())
	if !ok {
		return nil, errors.New("/proc is not mounted")
	}
	var namespace unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &namespace); err != nil {
		return nil, err
	}
	ours := fmt.Sprintf("%s%d-", agentPrefix, namespace.Ino)
	groups := &Groups{name: fmt.Sprintf("%s%d-%d", ours, self.pid, self.startTime)}
	sweep(own, ours)
	if err := groups.settle(own); err != nil {
		return nil, err
	}
	if err := groups.probe(); err != nil {
		groups.Close()
		return nil, err
	}
	return groups, nil
}

// Makes the agent's directory below its own group.
func (g *Groups) settle(own string) error {
	g.parent, g.directory = own, filepath.Join(own, g.name)
	if err := os.Mkdir(g.directory, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// Whether a process can be started in a group (Linux 5.7, and no seccomp filter): then it is the program that is missing.
func (g *Groups) probe() error {
	group, err := g.New("probe")
	if err != nil {
		return err
	}
	defer group.Release()
	attributes := &os.ProcAttr{Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: group.FD()}}
	process, err := os.StartProcess("/proc/self/no-such-program", []string{"probe"}, attributes)
	if err == nil {
		_, err = process.Wait()
		return errors.Join(err, errors.New("a program that is not there was started"))
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("no process can be started in a control group: %w", err)
}

// New makes the group of a command.
func (g *Groups) New(executionID string) (*Group, error) {
	if g == nil {
		return nil, nil
	}
	g.lock.Lock()
	defer g.lock.Unlock()
	directory := filepath.Join(g.directory, "exec-"+executionID)
	err := os.Mkdir(directory, 0o755)
	if errors.Is(err, os.ErrNotExist) {
		// Whoever had started the agent has moved it elsewhere, and removed its group: so does an agent with what a command
		// of its left behind.
		var own string
		if own, err = ownDirectory("/proc/self/mountinfo", "/proc/self/cgroup"); err != nil {
			return nil, err
		}
		if err = g.settle(own); err != nil {
			return nil, err
		}
		directory = filepath.Join(g.directory, "exec-"+executionID)
		err = os.Mkdir(directory, 0o755)
	}
	if err != nil {
		return nil, err
	}
	file, err := os.Open(directory)
	if err != nil {
		_ = os.Remove(directory)
		return nil, err
	}
	return &Group{directory: directory, leftovers: filepath.Join(g.parent, leftBehind), file: file}, nil
}

// Close removes the agent's directory, once all its groups are released.
func (g *Groups) Close() {
	if g == nil {
		return
	}
	g.lock.Lock()
	defer g.lock.Unlock()
	_ = os.Remove(g.directory)
	// Stays while a daemon is in it.
	_ = os.Remove(filepath.Join(g.parent, leftBehind))
}

// Ends what agents that are no more were running. Those of another pid namespace are not to be judged from here.
func sweep(parent, prefix string) {
	directories, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, directory := range directories {
		pidText, startTime, _ := strings.Cut(strings.TrimPrefix(filepath.Base(directory), prefix), "-")
		pid, err := strconv.Atoi(pidText)
		if err != nil {
			continue
		}
		if agent, lives := read(pid); lives && strconv.FormatUint(agent.startTime, 10) == startTime {
			continue
		}
		commands, _ := filepath.Glob(filepath.Join(directory, "exec-*"))
		for _, command := range commands {
			if err := (&Group{directory: command}).end(); err != nil {
				slog.Warn("a command of an agent that was killed is not gone yet", "error", err.Error())
			}
		}
		_ = os.Remove(directory)
	}
}

// FD is for starting a process in the group; -1 where there is none.
func (g *Group) FD() int {
	if g == nil {
		return -1
	}
	return int(g.file.Fd())
}

// Members are the processes in the group and those below it.
func (g *Group) Members() []int {
	if g == nil {
		return nil
	}
	var pids []int
	_ = filepath.WalkDir(g.directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil
		}
		content, _ := os.ReadFile(filepath.Join(path, "cgroup.procs"))
		for line := range strings.FieldsSeq(string(content)) {
			// 0 is a process of another pid namespace.
			if pid, err := strconv.Atoi(line); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids
}

// Kill ends all of them at once; forks in the meantime do not escape (Linux 5.14).
func (g *Group) Kill() {
	if g == nil {
		return
	}
	if os.WriteFile(filepath.Join(g.directory, "cgroup.kill"), []byte("1"), 0) == nil {
		return
	}
	for _, pid := range g.Members() {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// Kills all, and removes the group once they are gone.
func (g *Group) end() error {
	deadline := time.Now().Add(killDeadline)
	for {
		g.Kill()
		err := removeWithThoseBelow(g.directory)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(killInterval)
	}
}

// Release removes the group. What is still in it was meant to stay, and goes elsewhere.
func (g *Group) Release() {
	if g == nil {
		return
	}
	g.file.Close()
	for range 100 {
		if err := removeWithThoseBelow(g.directory); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
		g.moveOut()
		// One that is on its way out of the kernel cannot be moved.
		time.Sleep(time.Millisecond)
	}
}

// A group is removed like an empty directory, whatever files the kernel shows in it.
func removeWithThoseBelow(directory string) error {
	err := os.Remove(directory)
	if err == nil {
		return nil
	}
	entries, _ := os.ReadDir(directory)
	for _, entry := range entries {
		if entry.IsDir() {
			_ = removeWithThoseBelow(filepath.Join(directory, entry.Name()))
		}
	}
	return os.Remove(directory)
}

func (g *Group) moveOut() {
	_ = os.Mkdir(g.leftovers, 0o755)
	for _, pid := range g.Members() {
		_ = os.WriteFile(filepath.Join(g.leftovers, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
	}
}

// The directory of this process's own group in a cgroup2 file system.
func ownDirectory(mountsFile, groupsFile string) (string, error) {
	mounts, err := os.ReadFile(mountsFile)
	if err != nil {
		return "", err
	}
	groups, err := os.ReadFile(groupsFile)
	if err != nil {
		return "", err
	}
	own, found := "", false
	for line := range strings.Lines(string(groups)) {
		if path, isUnified := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); isUnified {
			own, found = path, true
		}
	}
	// One above that of our namespace is not to be seen from here.
	if strings.HasPrefix(own, "/..") {
		return "", errors.New("this process's control group is outside of its namespace")
	}
	if !found {
		return "", errors.New("the kernel has no control groups of version 2")
	}
	for line := range strings.Lines(string(mounts)) {
		// proc_pid_mountinfo(5): ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE SOURCE OPTIONS
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if len(fields) < 6 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		below, err := filepath.Rel(fields[3], own)
		if err != nil || below == ".." || strings.HasPrefix(below, "../") {
			continue
		}
		return filepath.Join(fields[4], below), nil
	}
	return "", errors.New("no cgroup2 file system is mounted")
}
