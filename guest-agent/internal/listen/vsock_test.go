package listen

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whom a kernel lets connect to itself.
const loopbackCID = unix.VMADDR_CID_LOCAL

func openHere(t *testing.T, allowed ...uint32) (net.Listener, uint32, *strings.Builder) {
	t.Helper()
	var said strings.Builder
	// High, and not another test's.
	port := uint32(1<<20 + os.Getpid())
	listener, err := openVsock(port, allowed, slog.New(slog.NewTextHandler(&said, nil)))
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EPERM) {
		t.Skipf("SKIPPED: no vsock here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener, port, &said
}

func TestAcceptEndsWithItsListener(t *testing.T) {
	listener, _, _ := openHere(t, HostCID)
	ended := make(chan error, 1)
	go func() {
		_, err := listener.Accept()
		ended <- err
	}()
	// It most likely waits by now; where it does not yet, it has to end as well.
	time.Sleep(10 * time.Millisecond)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("somebody has connected")
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for ever")
	}
}

func connect(t *testing.T, port uint32) *os.File {
	t.Helper()
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	// Without a loopback the host is asked, who may be silent.
	timeout := unix.NsecToTimeval(int64(300 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.AF_VSOCK, unix.SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrVM{CID: loopbackCID, Port: port}); err != nil {
		unix.Close(fd)
		t.Skipf("SKIPPED: no vsock loopback here: %v", err)
	}
	file := os.NewFile(uintptr(fd), "vsock")
	t.Cleanup(func() { file.Close() })
	return file
}

func TestOnlyAllowedCIDsAreLetIn(t *testing.T) {
	listener, port, said := openHere(t, HostCID)
	accepted := make(chan net.Conn, 1)
	go func() {
		if connection, err := listener.Accept(); err == nil {
			accepted <- connection
		}
		close(accepted)
	}()
	stranger := connect(t, port)
	if n, err := stranger.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("it was let in: %d, %v", n, err)
	}
	listener.Close()
	if <-accepted != nil {
		t.Error("it was accepted")
	}
	if !strings.Contains(said.String(), "refused") {
		t.Errorf("the log says %q", said.String())
	}
}

func TestVsockCarriesBytesAndDeadlines(t *testing.T) {
	listener, port, _ := openHere(t, loopbackCID)
	peer := connect(t, port)
	connection, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := peer.WriteString("to"); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 10)
	if n, err := connection.Read(buffer); string(buffer[:n]) != "to" {
		t.Fatalf("%q came, %v", buffer[:n], err)
	}
	connection.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := connection.Read(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the deadline gave %v", err)
	}
	if _, err := connection.Write([]byte("fro")); err != nil {
		t.Fatal(err)
	}
	if n, err := peer.Read(buffer); string(buffer[:n]) != "fro" {
		t.Fatalf("%q came back, %v", buffer[:n], err)
	}
}
