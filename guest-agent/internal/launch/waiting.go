package launch

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// OutputWaits says whether output, or its end, is there to be read: on a busy machine nobody may have come to it yet.
func (p *Process) OutputWaits() bool {
	for _, file := range []*os.File{p.Stdout, p.Stderr, p.Terminal} {
		if file == nil {
			continue
		}
		waits := false
		// One that is closed has nothing for us.
		_ = onDescriptor(file, func(fd int) error {
			polled := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			n, err := unix.Poll(polled, 0)
			waits = n > 0 || errors.Is(err, unix.EINTR)
			return err
		})
		if waits {
			return true
		}
	}
	return false
}
