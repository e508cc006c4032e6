package launch

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A pipe holds this much, where the kernel lets it (root always, up to its own memory).
const pipeBytes = 1 << 20

// The input and output of a command: our ends, and its own.
type streams struct {
	stdin, stdout, stderr *os.File
	terminal              *os.File
	ofCommand             []*os.File
}

// Gives back the command's ends, and, if it was not started, ours.
func (s *streams) close(all bool) {
	files := map[*os.File]bool{}
	for _, file := range s.ofCommand {
		files[file] = true
	}
	if all {
		for _, file := range []*os.File{s.stdin, s.stdout, s.stderr, s.terminal} {
			files[file] = true
		}
	}
	delete(files, nil)
	for file := range files {
		file.Close()
	}
}

func openStreams(command Command) (_ *streams, err error) {
	made := &streams{}
	defer func() {
		if err != nil {
			made.close(true)
		}
	}()
	if command.Terminal != nil {
		slave, err := made.openTerminal(*command.Terminal, command.Account.UID)
		if err != nil {
			return nil, err
		}
		made.ofCommand = []*os.File{slave, slave, slave}
		return made, nil
	}
	if command.NoStdin {
		null, err := openNull()
		if err != nil {
			return nil, err
		}
		made.ofCommand = append(made.ofCommand, null)
	} else {
		theirs, ours, err := pipe(false, command.Account.UID)
		if err != nil {
			return nil, err
		}
		made.stdin = ours
		made.ofCommand = append(made.ofCommand, theirs)
	}
	for _, keep := range []**os.File{&made.stdout, &made.stderr} {
		theirs, ours, err := pipe(true, command.Account.UID)
		if err != nil {
			return nil, err
		}
		*keep = ours
		made.ofCommand = append(made.ofCommand, theirs)
	}
	return made, nil
}

// Only our end does not block: what a program finds is a pipe like any other. It belongs to the command's user, who may
// open it once more: as /dev/stderr, for one.
func pipe(weRead bool, uid uint32) (theirs, ours *os.File, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	// Fewer bytes are only slower.
	_, _ = unix.FcntlInt(uintptr(ends[0]), unix.F_SETPIPE_SZ, pipeBytes)
	mine, other := ends[0], ends[1]
	if !weRead {
		mine, other = other, mine
	}
	if asRoot {
		// A command can do without, and most do.
		_ = unix.Fchown(other, int(uid), -1)
	}
	if err := unix.SetNonblock(mine, true); err != nil {
		unix.Close(mine)
		unix.Close(other)
		return nil, nil, err
	}
	return os.NewFile(uintptr(other), "pipe"), os.NewFile(uintptr(mine), "pipe"), nil
}

// The agent's own: it is the same everywhere.
func openNull() (*os.File, error) {
	fd, err := outside(func() (int, error) { return openDevice("/dev/null", unix.Mkdev(1, 3)) })
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "null"), nil
}

// What a thread with a root directory of its own cannot reach.
func outside(open func() (int, error)) (fd int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fd, err = open()
	}()
	<-done
	return fd, err
}

// Opens a device only if it is the one that is meant: the root directory is not trusted.
func openDevice(path string, device uint64) (int, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return -1, err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFCHR || stat.Rdev != device {
		return -1, unix.ENODEV
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFCHR || stat.Rdev != device {
		unix.Close(fd)
		return -1, unix.ENODEV
	}
	return fd, nil
}

// A terminal of the root directory's own devpts, so that its programs find the name of it; the agent's where it has none.
func (s *streams) openTerminal(size Size, uid uint32) (*os.File, error) {
	open := func() (int, error) { return openDevice("/dev/ptmx", unix.Mkdev(5, 2)) }
	master, err := open()
	if err != nil {
		if master, err = outside(open); err != nil {
			return nil, fmt.Errorf("/dev/ptmx: %w (is devpts mounted on /dev/pts?)", err)
		}
	}
	s.terminal = os.NewFile(uintptr(master), "terminal")
	if err := unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	if err := unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, size.kernel()); err != nil {
		return nil, err
	}
	// Its other end without its name: that may mean something else in the root directory.
	fd, _, number := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if number != 0 {
		return nil, number
	}
	slave := os.NewFile(fd, "terminal")
	if asRoot {
		err = errors.Join(unix.Fchown(int(fd), int(uid), -1), unix.Fchmod(int(fd), 0o620))
	}
	if err != nil {
		slave.Close()
		return nil, err
	}
	return slave, nil
}

func (s Size) kernel() *unix.Winsize { return &unix.Winsize{Row: s.Rows, Col: s.Cols} }
