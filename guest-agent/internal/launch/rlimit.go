package launch

import (
	"os"

	"golang.org/x/sys/unix"
)

var resources = map[string]int{
	"AS": unix.RLIMIT_AS, "CORE": unix.RLIMIT_CORE, "CPU": unix.RLIMIT_CPU, "DATA": unix.RLIMIT_DATA,
	"FSIZE": unix.RLIMIT_FSIZE, "LOCKS": unix.RLIMIT_LOCKS, "MEMLOCK": unix.RLIMIT_MEMLOCK,
	"MSGQUEUE": unix.RLIMIT_MSGQUEUE, "NICE": unix.RLIMIT_NICE, "NOFILE": unix.RLIMIT_NOFILE,
	"NPROC": unix.RLIMIT_NPROC, "RSS": unix.RLIMIT_RSS, "RTPRIO": unix.RLIMIT_RTPRIO, "RTTIME": unix.RLIMIT_RTTIME,
	"SIGPENDING": unix.RLIMIT_SIGPENDING, "STACK": unix.RLIMIT_STACK,
}

// ResourceOf is the number of a limit by its name without RLIMIT_.
func ResourceOf(name string) (int, bool) {
	number, known := resources[name]
	return number, known
}

// Lets a command that is stopped before its first instruction go on with its limits, or kills it there. The calling
// thread is the one that started it: only that may.
func setRlimits(process *os.Process, limits []Rlimit) *Refusal {
	if len(limits) == 0 {
		return nil
	}
	err := releaseWith(process.Pid, limits)
	if err == nil {
		return nil
	}
	_ = process.Kill()
	_, _ = process.Wait()
	return refuse(PermissionDenied, "its limits cannot be set: %v", err)
}

func releaseWith(pid int, limits []Rlimit) error {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	if !status.Stopped() {
		return unix.ESRCH
	}
	for _, limit := range limits {
		if err := unix.Prlimit(pid, limit.Resource, &unix.Rlimit{Cur: limit.Soft, Max: limit.Hard}, nil); err != nil {
			return err
		}
	}
	return unix.PtraceDetach(pid)
}
