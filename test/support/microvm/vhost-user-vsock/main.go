// Command vhost-user-vsock is the vsock device of a virtual machine, as a process of its own: it speaks vhost-user with
// the machine, and with programs of the host the "hybrid" protocol of Firecracker and Cloud Hypervisor: a Unix socket
// where a client writes "CONNECT <port>\n", reads "OK <port>\n", and then talks with the guest.
//
// It is for tests. Connections go from the host to the guest only. It trusts its guest no further than not to crash
// without a word: a guest that breaks the rules of the rings ends it with a message.
//
// Sources: the vhost-user protocol as in QEMU's docs/interop/vhost-user.rst; rings and packets as in the Virtual I/O
// Device specification 1.2, sections 2.7 and 5.10; the hybrid protocol as in Firecracker's docs/vsock.md.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 4 {
		fail(errors.New("usage: vhost-user-vsock VHOST_USER_SOCKET HYBRID_SOCKET GUEST_CID"))
	}
	guestCID, err := strconv.ParseUint(os.Args[3], 10, 32)
	if err != nil || guestCID < 3 {
		fail(fmt.Errorf("%q is no address of a guest: 3 is the first", os.Args[3]))
	}
	if err := run(os.Args[1], os.Args[2], guestCID); err != nil {
		fail(err)
	}
}

// run serves one machine, until its connection ends.
func run(vhostSocket, hybridSocket string, guestCID uint64) error {
	machines, err := listen(vhostSocket)
	if err != nil {
		return err
	}
	clients, err := listen(hybridSocket)
	if err != nil {
		return err
	}
	// A socket has its name before it listens, so that the name tells nobody.
	fmt.Println("listening")
	machine, err := machines.AcceptUnix()
	if err != nil {
		return err
	}
	device := newDevice(guestCID)
	backend := &backend{machine: machine, device: device}
	go device.processGuestPackets()
	go func() {
		// Until the guest has its driver, clients wait: so it is with the real ones.
		<-device.running
		acceptClients(clients, device)
	}()
	if err := backend.serve(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func listen(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "vhost-user-vsock: %v\n", err)
	os.Exit(1)
}
