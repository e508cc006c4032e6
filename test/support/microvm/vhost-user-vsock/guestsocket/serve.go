// Package guestsocket lets a program in a guest be called by its host.
package guestsocket

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Serve gives each connection to a port of the guest to a call of handle, and closes it afterwards. It returns only with
// an error.
func Serve(port uint32, handle func(*os.File)) error {
	listener, err := listen(port)
	if err != nil {
		return err
	}
	for {
		descriptor, _, errno := syscall.Syscall6(syscall.SYS_ACCEPT4, listener, 0, 0, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
		if errno != 0 {
			return fmt.Errorf("accept: %w", errno)
		}
		client := os.NewFile(descriptor, "client")
		go func() {
			defer client.Close()
			handle(client)
		}()
	}
}

// listen is by system calls: Go's own packages do not know this family of sockets.
func listen(port uint32) (uintptr, error) {
	const family = 40 // AF_VSOCK
	const anyCID = 0xffffffff
	listener, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	// As in vsock(7).
	address := struct {
		family, reserved uint16
		port, cid        uint32
		zero             uint32
	}{family: family, port: port, cid: anyCID}
	size := unsafe.Sizeof(address)
	_, _, errno := syscall.Syscall(syscall.SYS_BIND, uintptr(listener), uintptr(unsafe.Pointer(&address)), size)
	if errno != 0 {
		return 0, fmt.Errorf("bind: %w", errno)
	}
	if err := syscall.Listen(listener, 128); err != nil {
		return 0, fmt.Errorf("listen: %w", err)
	}
	return uintptr(listener), nil
}
