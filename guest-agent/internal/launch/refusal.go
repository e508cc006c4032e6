package launch

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// What a client is told of a command that was not started, in the words of its own error codes.
const (
	CommandNotFound      = "CommandNotFound"
	CommandNotExecutable = "CommandNotExecutable"
	WorkdirNotFound      = "WorkdirNotFound"
	UserNotFound         = "UserNotFound"
	PermissionDenied     = "PermissionDenied"
	UsageError           = "UsageError"
	OperationFailed      = "OperationFailed"
)

// Refusal says that nothing was started, and why.
type Refusal struct {
	Code    string
	Message string
}

func (r *Refusal) Error() string { return r.Message }

func refuse(code, format string, words ...any) *Refusal {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, words...)}
}

// ExitCode is what a shell would give for it.
func (r *Refusal) ExitCode() int32 {
	switch r.Code {
	case CommandNotFound:
		return 127
	case CommandNotExecutable:
		return 126
	}
	return 125
}

func isMissing(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) ||
		errors.Is(err, unix.ENAMETOOLONG)
}
