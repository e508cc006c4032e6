package launch

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The supplementary groups of the calling thread alone.
func setGroups(groups []uint32) error {
	var first unsafe.Pointer
	if len(groups) > 0 {
		first = unsafe.Pointer(&groups[0])
	}
	if _, _, number := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(first), 0); number != 0 {
		return number
	}
	return nil
}
