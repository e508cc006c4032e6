// Package tree finds all processes that a command started, and ends them: by its control group where there is one, and by
// what is left to see otherwise. Each mark alone can be shed: descent is lost when a parent ends, the session is left
// with setsid, the environment is cleared with `env -i`, and a login moves itself to another control group.
package tree

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// TagVariable marks every process of an execution in its environment.
const TagVariable = "PROXMOX_LXCRI_EXEC_ID"

const (
	// So long may a process resist SIGKILL (uninterruptible sleep) before we say so.
	killDeadline = 5 * time.Second
	killInterval = 10 * time.Millisecond
)

// Tree is the processes of one command.
type Tree struct {
	command info
	tag     string
	group   *Group

	lock sync.Mutex
	// Start times by pid: who was found once is known without any mark.
	seen map[int]uint64
}

// New is called once the command has started, and before anybody waits for its end. It leads a session of its own.
func New(pid int, executionID string, group *Group) *Tree {
	command, _ := read(pid)
	command.pid = pid
	return &Tree{command: command, tag: TagVariable + "=" + executionID, group: group, seen: map[int]uint64{}}
}

// Kill ends every process, and looks again until none is left; it gives the number that resisted.
func (t *Tree) Kill() int {
	deadline := time.Now().Add(killDeadline)
	for {
		// Before any of them ends: it may be all that leads to another.
		members := t.members()
		t.group.Kill()
		for _, pid := range members {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		if len(members) == 0 || time.Now().After(deadline) {
			return len(members)
		}
		time.Sleep(killInterval)
	}
}

// Look finds those that can be found now, for a later Kill: call it before a signal, which may end the parent that leads
// to them.
func (t *Tree) Look() { t.members() }

// Signal sends a signal to every process.
func (t *Tree) Signal(signal unix.Signal) {
	for _, pid := range t.members() {
		_ = unix.Kill(pid, signal)
	}
}

// SignalGroup sends a signal to a process group of the command's session.
func (t *Tree) SignalGroup(group int, signal unix.Signal) {
	if t.sessionIsOurs() {
		_ = unix.Kill(-group, signal)
	}
}

// The living processes of the command.
func (t *Tree) members() []int {
	t.lock.Lock()
	defer t.lock.Unlock()
	inGroup := map[int]bool{}
	for _, pid := range t.group.Members() {
		inGroup[pid] = true
	}
	processes := all()
	children := map[int][]info{}
	for _, process := range processes {
		children[process.parent] = append(children[process.parent], process)
	}
	sessionIsOurs := t.sessionIsOurs()
	found := map[int]bool{}
	var pids []int
	var add func(process info)
	add = func(process info) {
		if found[process.pid] || process.pid == os.Getpid() || process.pid == 1 {
			return
		}
		found[process.pid] = true
		pids = append(pids, process.pid)
		t.seen[process.pid] = process.startTime
		for _, child := range children[process.pid] {
			add(child)
		}
	}
	for _, process := range processes {
		// Older processes are nobody's descendants.
		if found[process.pid] || process.startTime < t.command.startTime {
			continue
		}
		seenAt, wasSeen := t.seen[process.pid]
		if inGroup[process.pid] || wasSeen && seenAt == process.startTime ||
			process.pid == t.command.pid && process.startTime == t.command.startTime ||
			sessionIsOurs && process.session == t.command.pid || hasVariable(process.pid, t.tag) {
			add(process)
		}
	}
	return pids
}

// Once the last process of the session has gone, its number may be that of another's.
func (t *Tree) sessionIsOurs() bool {
	leader, lives := read(t.command.pid)
	return !lives || leader.startTime == t.command.startTime
}

// Release lets go of what a command that ended by itself left running.
func (t *Tree) Release() { t.group.Release() }
