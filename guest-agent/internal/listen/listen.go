// Package listen makes the sockets of the agent: AF_VSOCK for the host, a Unix socket for tests and containers. Both let
// in only whom they were told to.
package listen

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// HostCID is the host's address on its guests' vsock.
const HostCID = unix.VMADDR_CID_HOST

// Check says what is wrong with an address; nothing is opened.
func Check(address string) error {
	_, _, err := parse(address)
	return err
}

// The port of a vsock address, or the path of a Unix socket.
func parse(address string) (port uint32, path string, err error) {
	kind, where, _ := strings.Cut(address, ":")
	switch kind {
	case "vsock":
		number, err := strconv.ParseUint(where, 10, 32)
		if err != nil || number == unix.VMADDR_PORT_ANY {
			return 0, "", fmt.Errorf("%q: a vsock port is a number below 2^32-1", address)
		}
		return uint32(number), "", nil
	case "unix":
		if where == "" {
			return 0, "", errors.New("unix: needs a path")
		}
		return 0, where, nil
	}
	return 0, "", fmt.Errorf("%q: an address is vsock:PORT or unix:PATH", address)
}

// Open listens at `vsock:PORT` or `unix:PATH`.
func Open(address string, allowedCIDs []uint32, log *slog.Logger) (net.Listener, error) {
	port, path, err := parse(address)
	switch {
	case err != nil:
		return nil, err
	case path != "":
		return openUnix(path, log)
	}
	return openVsock(port, allowedCIDs, log)
}

// The files that it makes are its user's only. What is there and no one listens at is left from an agent that was killed.
func openUnix(path string, log *slog.Logger) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if connection, err := net.Dial("unix", path); err == nil {
			connection.Close()
			return nil, fmt.Errorf("%s: another agent listens there", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	before := unix.Umask(0o177)
	listener, err := net.Listen("unix", path)
	unix.Umask(before)
	if err != nil {
		return nil, err
	}
	return &unixListener{UnixListener: listener.(*net.UnixListener), log: log}, nil
}

type unixListener struct {
	*net.UnixListener
	log *slog.Logger
}

// Accept lets in root and the agent's own user.
func (l *unixListener) Accept() (net.Conn, error) {
	for {
		connection, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, err := peerOf(connection)
		if err == nil && (uid == 0 || uid == uint32(os.Geteuid())) {
			return connection, nil
		}
		l.log.Warn("refused a connection", "uid", uid)
		connection.Close()
	}
}

func peerOf(connection *net.UnixConn) (uint32, error) {
	raw, err := connection.SyscallConn()
	if err != nil {
		return 0, err
	}
	var peer *unix.Ucred
	var inner error
	if err := raw.Control(func(fd uintptr) {
		peer, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if inner != nil {
		return 0, inner
	}
	return peer.Uid, nil
}
