package session

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/launch"
)

// What the log says of an execution: nothing of its arguments but the first word and their number, and no environment.
type report struct {
	asked   request
	command *launch.Command
	refusal *launch.Refusal
	outcome *outcome
}

const maxLoggedWord = 256

func (r *report) log(log *slog.Logger, took time.Duration) {
	attributes := []any{"id", r.asked.id, "durationMs", float64(took.Microseconds()) / 1000, "tty", r.asked.terminal != nil}
	if r.command != nil {
		argv := r.command.Argv
		attributes = append(attributes, "command", argv[0][:min(len(argv[0]), maxLoggedWord)], "words", len(argv),
			"user", r.command.Account.Name, "uid", r.command.Account.UID)
		if unread := r.command.Account.Unread; unread != nil {
			attributes = append(attributes, "unread", unread.Error())
		}
	}
	switch {
	case r.refusal != nil:
		attributes = append(attributes, "refused", r.refusal.Code)
	case r.outcome != nil:
		how := r.outcome
		if how.status.Signaled() {
			attributes = append(attributes, "signal", signalName(how.status.Signal()))
		} else {
			attributes = append(attributes, "code", how.status.ExitStatus())
		}
		for name, isSo := range map[string]bool{"timedOut": how.timedOut, "clientLost": how.lost, "outputIncomplete": how.incomplete} {
			if isSo {
				attributes = append(attributes, name, true)
			}
		}
		if how.left > 0 {
			attributes = append(attributes, "left", how.left)
		}
	}
	log.Info("exec", attributes...)
}

// The first of the real-time signals as a C library numbers them.
const sigRTMin = 34

func signalName(signal syscall.Signal) string {
	if name := unix.SignalName(signal); name != "" {
		return name
	}
	switch {
	case signal == sigRTMin:
		return "SIGRTMIN"
	case signal > sigRTMin:
		return fmt.Sprintf("SIGRTMIN+%d", int(signal)-sigRTMin)
	}
	return fmt.Sprintf("SIG%d", int(signal))
}
