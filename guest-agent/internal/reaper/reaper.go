// Package reaper keeps count of the processes that somebody waits for. As PID 1 the agent also gets those that lost their
// parents, and has to reap these and no others.
package reaper

import (
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Processes are those that somebody here waits for.
type Processes struct {
	// Held for reading while a process is made, so that no new one is taken for an orphan.
	making sync.RWMutex
	lock   sync.Mutex
	ours   map[int]bool
}

// New makes an empty count.
func New() *Processes { return &Processes{ours: map[int]bool{}} }

// Start runs what makes a process, and remembers its pid.
func (p *Processes) Start(make func() (pid int, err error)) error {
	p.making.RLock()
	defer p.making.RUnlock()
	pid, err := make()
	if err == nil {
		p.lock.Lock()
		p.ours[pid] = true
		p.lock.Unlock()
	}
	return err
}

// Forget is called once the process was waited for.
func (p *Processes) Forget(pid int) {
	p.lock.Lock()
	defer p.lock.Unlock()
	delete(p.ours, pid)
}

// Many end together: one look serves them all.
const reapInterval = 50 * time.Millisecond

// ReapOrphans reaps what no session waits for, until the agent ends. It is for PID 1.
func (p *Processes) ReapOrphans() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	for range ended {
		for !p.reap() {
			time.Sleep(reapInterval)
		}
		time.Sleep(reapInterval)
	}
}

// False where a process is being made: that can take for ever, where its program is a file that does not answer, and who
// waited for the lock would keep all others from being made.
func (p *Processes) reap() bool {
	if !p.making.TryLock() {
		return false
	}
	defer p.making.Unlock()
	self := strconv.Itoa(os.Getpid())
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, after, _ := cutLast(string(content), ") ")
		if fields := strings.Fields(after); len(fields) < 2 || fields[0] != "Z" || fields[1] != self {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil || p.isOurs(pid) {
			continue
		}
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
	return true
}

func (p *Processes) isOurs(pid int) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.ours[pid]
}

func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}
