package listen

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

type vsockAddress struct{ cid, port uint32 }

func (vsockAddress) Network() string { return "vsock" }

func (a vsockAddress) String() string { return fmt.Sprintf("vsock:%d:%d", a.cid, a.port) }

type vsockListener struct {
	socket  *os.File
	raw     syscall.RawConn
	address vsockAddress
	allowed []uint32
	log     *slog.Logger
}

const backlog = 128

// Any address of this machine, not its own CID: over the loopback it would not be found.
func openVsock(port uint32, allowed []uint32, log *slog.Logger) (net.Listener, error) {
	address := vsockAddress{cid: unix.VMADDR_CID_ANY, port: port}
	fail := func(call string, err error) (net.Listener, error) {
		return nil, &net.OpError{Op: call, Net: "vsock", Addr: address, Err: os.NewSyscallError(call, err)}
	}
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fail("socket", err)
	}
	// Takes the descriptor to the runtime's poller, so that Accept waits without a thread.
	socket := os.NewFile(uintptr(fd), address.String())
	raw, err := socket.SyscallConn()
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrVM{CID: address.cid, Port: port})
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		socket.Close()
		return fail("listen", err)
	}
	return &vsockListener{socket: socket, raw: raw, address: address, allowed: allowed, log: log}, nil
}

// Accept lets in only the allowed CIDs: for the host that is 2, for everybody on the loopback 1.
func (l *vsockListener) Accept() (net.Conn, error) {
	for {
		fd, peer, err := l.accept()
		if err != nil {
			return nil, &net.OpError{Op: "accept", Net: "vsock", Addr: l.address, Err: err}
		}
		if slices.Contains(l.allowed, peer.cid) {
			return &vsockConnection{File: os.NewFile(uintptr(fd), peer.String()), local: l.address, remote: peer}, nil
		}
		l.log.Warn("refused a connection", "cid", peer.cid)
		unix.Close(fd)
	}
}

func (l *vsockListener) accept() (fd int, peer vsockAddress, err error) {
	var inner error
	err = l.raw.Read(func(listening uintptr) bool {
		var from unix.Sockaddr
		fd, from, inner = unix.Accept4(int(listening), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		switch inner {
		case unix.EAGAIN, unix.EINTR, unix.ECONNABORTED:
			return inner != unix.EAGAIN
		}
		if address, isVM := from.(*unix.SockaddrVM); isVM {
			peer = vsockAddress{cid: address.CID, port: address.Port}
		}
		return true
	})
	if err == nil {
		err = inner
	}
	if inner == unix.EINTR || inner == unix.ECONNABORTED {
		return l.accept()
	}
	return fd, peer, err
}

func (l *vsockListener) Close() error { return l.socket.Close() }

func (l *vsockListener) Addr() net.Addr { return l.address }

type vsockConnection struct {
	*os.File
	local, remote vsockAddress
}

func (c *vsockConnection) LocalAddr() net.Addr { return c.local }

func (c *vsockConnection) RemoteAddr() net.Addr { return c.remote }

var (
	_ net.Conn     = (*vsockConnection)(nil)
	_ net.Listener = (*vsockListener)(nil)
)
