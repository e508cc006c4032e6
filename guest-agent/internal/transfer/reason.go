// Package transfer copies files in and out, and looks at them. Paths are those of the commands' root directory.
package transfer

import (
	"errors"

	"golang.org/x/sys/unix"
)

// The error codes of the protocol.
const (
	notFound         = "NotFound"
	notADirectory    = "NotADirectory"
	isADirectory     = "IsADirectory"
	permissionDenied = "PermissionDenied"
	noSpace          = "NoSpace"
	usageError       = "UsageError"
	operationFailed  = "OperationFailed"
)

var errUsage = errors.New("unusable request")

func codeOf(err error) string {
	for number, code := range map[error]string{
		unix.ENOENT: notFound, unix.ENOTDIR: notADirectory, unix.EISDIR: isADirectory, unix.EACCES: permissionDenied,
		unix.EPERM: permissionDenied, unix.EROFS: permissionDenied, unix.ENOSPC: noSpace, unix.EDQUOT: noSpace,
		errUsage: usageError,
	} {
		if errors.Is(err, number) {
			return code
		}
	}
	return operationFailed
}

// A path of the published field, or the bytes of ours.
func pathOf(text string, bytes []byte) string {
	if len(bytes) > 0 {
		return string(bytes)
	}
	return text
}

const permissionBits = 0o7777
