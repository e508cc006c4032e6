package service_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/client"
	"proxmox-lxcri/guest-agent/internal/launch"
	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/reaper"
)

// Keeps the first that is to be made waiting, as a program on a file server that is gone does.
type hungOnce struct {
	launch.Processes
	asked, made, forgotten atomic.Int32
	goOn                   chan struct{}
}

func (h *hungOnce) Start(make func() (int, error)) error {
	if h.asked.Add(1) == 1 {
		<-h.goOn
	}
	err := h.Processes.Start(make)
	h.made.Add(1)
	return err
}

func (h *hungOnce) Forget(pid int) {
	h.Processes.Forget(pid)
	h.forgotten.Add(1)
}

func TestAStartThatWaitsForAFileHoldsNoPlace(t *testing.T) {
	processes := &hungOnce{Processes: reaper.New(), goOn: make(chan struct{})}
	agent := startAgent(t, setup{maxSessions: 1, processes: processes})
	ctx, cancel := context.WithCancel(patiently(t))
	_, err := agent.Exec(ctx, client.GuestService, command("sleep", sleepWord(40)))
	must(t, err)
	waitFor(t, "the start", func() bool { return processes.asked.Load() == 1 })
	cancel()
	waitFor(t, "it to be given up", func() bool { return strings.Contains(agent.log.String(), "a start is given up") })
	waitFor(t, "a free place", func() bool {
		result, err := agent.Run(patiently(t), shell("exit 3"))
		return err == nil && result.Last.GetExitCode() == 3
	})
	close(processes.goOn)
	waitFor(t, "its command to be started", func() bool { return processes.made.Load() > 1 })
	waitFor(t, "its command to be ended", func() bool { return processes.forgotten.Load() == processes.made.Load() })
	equal(t, "whether it runs", runs(sleepWord(40)), false)
}

func TestALookAtAFileThatNeverAnswersIsGivenUp(t *testing.T) {
	directory := neverAnswers(t)
	agent := startAgent(t, setup{})
	path := []byte(filepath.Join(directory, "file"))
	waitFor(t, "one to be given up", func() bool {
		ctx, cancel := context.WithTimeout(patiently(t), 200*time.Millisecond)
		defer cancel()
		if _, err := client.Call[pb.StatPathResponse](ctx, agent.Client, "StatPath", &pb.StatPathRequest{PathBytes: path}); err == nil {
			t.Fatal("it was answered")
		}
		return strings.Contains(agent.log.String(), `"method":"StatPath"`)
	})
}

// A directory of a file system (FUSE) whose server says nothing.
func neverAnswers(t *testing.T) string {
	t.Helper()
	server, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("SKIPPED: no FUSE here: %v", err)
	}
	directory := t.TempDir()
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", server)
	if err := unix.Mount("hung", directory, "fuse", 0, options); err != nil {
		unix.Close(server)
		t.Skipf("SKIPPED: no FUSE may be mounted here: %v", err)
	}
	t.Cleanup(func() {
		// With its server gone, all that waits for it fails.
		unix.Close(server)
		must(t, unix.Unmount(directory, unix.MNT_DETACH))
	})
	return directory
}
