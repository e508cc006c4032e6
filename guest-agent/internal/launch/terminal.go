package launch

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// Resize sets the size of the command's terminal; the programs in it get SIGWINCH.
func (p *Process) Resize(size Size) error {
	return onDescriptor(p.Terminal, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size.kernel()) })
}

// ForegroundGroup is the process group that the terminal sends its signals to, or 0.
func (p *Process) ForegroundGroup() int {
	if p.Terminal == nil {
		return 0
	}
	group := 0
	_ = onDescriptor(p.Terminal, func(fd int) (err error) {
		group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err
	})
	return group
}

// EndOfInput is what has to be typed for a program at the terminal to see the end of its input; nothing where the
// terminal takes every byte as it is. In the middle of a line the first only sends off the line.
func (p *Process) EndOfInput(atLineStart bool) []byte {
	var typed []byte
	_ = onDescriptor(p.Terminal, func(fd int) error {
		settings, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil && settings.Lflag&unix.ICANON != 0 {
			typed = bytes.Repeat(settings.Cc[unix.VEOF:unix.VEOF+1], 1)
		}
		return err
	})
	if !atLineStart {
		typed = append(typed, typed...)
	}
	return typed
}

// Not Fd(): that would make the descriptor block.
func onDescriptor(file *os.File, act func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = act(int(fd)) }); err != nil {
		return err
	}
	return inner
}
