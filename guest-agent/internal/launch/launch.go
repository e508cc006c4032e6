// Package launch starts commands: in a root directory, as a user, with limits and in a control group. All that can fail
// is tried with the rights of that user before the program is called, so that every reason has its name.
package launch

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/account"
)

// Command is what to start.
type Command struct {
	// Root is the command's root directory; Workdir and the program are looked up in it.
	Root    string
	Workdir string
	// Argv has at least one word.
	Argv []string
	// Env is KEY=VALUE, without repetition.
	Env     []string
	Account account.Account
	// Terminal is nil for pipes.
	Terminal *Size
	NoStdin  bool
	Rlimits  []Rlimit
	// CgroupFD is an open directory of a control group, or -1.
	CgroupFD int
	// Processes is told of the new process.
	Processes Processes
}

// Processes is told which processes have somebody who waits for them.
type Processes interface {
	// Start runs what makes a process, and remembers its pid.
	Start(make func() (pid int, err error)) error
	// Forget is called once it was waited for.
	Forget(pid int)
}

// Size is that of a terminal.
type Size struct{ Rows, Cols uint16 }

// Rlimit is a limit of getrlimit(2).
type Rlimit struct {
	Resource   int
	Soft, Hard uint64
}

// Process is a started command. Its files are ours to close. With a terminal there is only Terminal; without standard
// input Stdin is nil.
type Process struct {
	*os.Process
	Stdin, Stdout, Stderr *os.File
	Terminal              *os.File
}

// What the agent itself is. Another user's commands, another root directory and control groups need root.
var asRoot = os.Geteuid() == 0

// CanSetUser says whether commands can run as any user.
func CanSetUser() bool { return asRoot }

// Start starts a command. Every error is a *Refusal: then nothing was started.
//
// A thread is made for it that is never used again: its root directory, working directory, file mode mask and rights over
// files are those of the command. Its user id is not, or else the user could send it signals.
func Start(command Command) (*Process, error) {
	var process *Process
	var refusal *Refusal
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked: the thread ends with this function.
		runtime.LockOSThread()
		process, refusal = start(command)
	}()
	<-done
	if refusal != nil {
		return nil, refusal
	}
	return process, nil
}

func start(command Command) (_ *Process, refusal *Refusal) {
	if err := enterRoot(command.Root); err != nil {
		return nil, refuse(OperationFailed, "the root directory %q cannot be entered: %v", command.Root, err)
	}
	streams, err := openStreams(command)
	if err != nil {
		return nil, refuse(OperationFailed, "its input and output cannot be made: %v", err)
	}
	defer func() { streams.close(refusal != nil) }()
	if asRoot {
		if err := takeFileRights(command.Account); err != nil {
			return nil, refuse(OperationFailed, "the rights of its user cannot be taken: %v", err)
		}
	}
	if refusal := enterWorkdir(command.Workdir); refusal != nil {
		return nil, refusal
	}
	file, refusal := lookUp(command.Argv[0], command.Env)
	if refusal != nil {
		return nil, refusal
	}
	if asRoot {
		// The kernel looks at them when a process is started in a control group, too.
		if err := setFileRights(0, 0); err != nil {
			return nil, refuse(OperationFailed, "the rights of root cannot be taken again: %v", err)
		}
	}
	process, err := call(file, command.Argv, command, streams)
	if errors.Is(err, unix.ENOEXEC) {
		// As execvp(3) does: a script without "#!".
		argv := append([]string{"/bin/sh", file}, command.Argv[1:]...)
		if process, err = call(argv[0], argv, command, streams); err != nil {
			err = unix.ENOEXEC
		}
	}
	if errors.Is(err, unix.EPERM) && len(command.Rlimits) > 0 {
		return nil, refuse(PermissionDenied, "its limits cannot be set: the kernel forbids tracing (kernel.yama.ptrace_scope)")
	}
	if err != nil {
		return nil, refusalOf(err, command.Argv[0])
	}
	if refusal := setRlimits(process, command.Rlimits); refusal != nil {
		command.Processes.Forget(process.Pid)
		return nil, refusal
	}
	return &Process{
		Process: process, Stdin: streams.stdin, Stdout: streams.stdout, Stderr: streams.stderr, Terminal: streams.terminal,
	}, nil
}

func call(file string, argv []string, command Command, streams *streams) (*os.Process, error) {
	attributes := &syscall.SysProcAttr{
		Setsid:  true,
		Setctty: command.Terminal != nil,
		// Stopped before its first instruction, until it has its limits.
		Ptrace: len(command.Rlimits) > 0,
	}
	if command.CgroupFD >= 0 {
		attributes.UseCgroupFD = true
		attributes.CgroupFD = command.CgroupFD
	}
	if asRoot {
		user := command.Account
		attributes.Credential = &syscall.Credential{Uid: user.UID, Gid: user.GID, Groups: user.Groups}
	}
	var process *os.Process
	err := command.Processes.Start(func() (_ int, err error) {
		process, err = os.StartProcess(file, argv, &os.ProcAttr{Env: command.Env, Files: streams.ofCommand, Sys: attributes})
		if err != nil {
			return 0, err
		}
		return process.Pid, nil
	})
	return process, err
}

func refusalOf(err error, word string) *Refusal {
	var number syscall.Errno
	switch {
	case errors.Is(err, unix.E2BIG):
		return refuse(UsageError, "its arguments and environment are more than the kernel takes")
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return refuse(OperationFailed, "no process can be made: %v", err)
	case errors.As(err, &number):
		err = number
	}
	if errors.Is(err, unix.ENOENT) {
		return refuse(CommandNotExecutable, "%q needs an interpreter or loader that is not there", word)
	}
	return refuse(CommandNotExecutable, "%q cannot be executed: %v", word, err)
}

// From here on the thread has a root directory, a working directory and a file mode mask of its own.
func enterRoot(root string) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	unix.Umask(0o022)
	if root != "/" {
		if err := unix.Chroot(root); err != nil {
			return err
		}
	}
	return unix.Chdir("/")
}

// The rights of this thread over files become those of the user; with them go root's.
func takeFileRights(user account.Account) error {
	// Not those of the unix package: they change every thread.
	if err := setGroups(user.Groups); err != nil {
		return err
	}
	return setFileRights(user.UID, user.GID)
}

// Those of this thread alone.
func setFileRights(uid, gid uint32) error {
	for _, right := range []struct {
		call uintptr
		id   uint32
	}{{unix.SYS_SETFSGID, gid}, {unix.SYS_SETFSUID, uid}} {
		unix.RawSyscall(right.call, uintptr(right.id), 0, 0)
		// They return the id before, even where they fail.
		if now, _, _ := unix.RawSyscall(right.call, uintptr(right.id), 0, 0); uint32(now) != right.id {
			return unix.EPERM
		}
	}
	return nil
}

func enterWorkdir(path string) *Refusal {
	if path == "" {
		return nil
	}
	err := unix.Chdir(path)
	switch {
	case err == nil:
		return nil
	case isMissing(err):
		return refuse(WorkdirNotFound, "there is no directory %q", path)
	}
	return refuse(WorkdirNotFound, "the directory %q cannot be entered: %v", path, err)
}
