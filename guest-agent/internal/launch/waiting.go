package launch

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Waits says whether output, or its end, is there to be read: on a busy machine nobody may have come to it yet.
func Waits(file *os.File) bool {
	waits := false
	// One that is closed has nothing for us.
	_ = onDescriptor(file, func(fd int) error {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		waits = n > 0 || errors.Is(err, unix.EINTR)
		return err
	})
	return waits
}
