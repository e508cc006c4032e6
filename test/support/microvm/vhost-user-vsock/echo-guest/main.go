// Command echo-guest is a program for a guest that the vsock device is tested with.
//
// At port 2222 it sends everything back until the client has closed its half. At port 2223 it says "bye", closes its own
// half, and writes to its log how much it then still got from the client.
package main

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"unsafe"
)

func main() {
	go serve(2223, sayBye)
	serve(2222, func(client *os.File) { _, _ = io.Copy(client, client) })
}

func sayBye(client *os.File) {
	fmt.Fprintln(client, "bye")
	raw, err := client.SyscallConn()
	must(err)
	must(raw.Control(func(descriptor uintptr) { must(syscall.Shutdown(int(descriptor), syscall.SHUT_WR)) }))
	count, err := io.Copy(io.Discard, client)
	fmt.Printf("after bye: %d bytes, %v\n", count, err)
}

func serve(port uint32, handle func(*os.File)) {
	listener := listen(port)
	for {
		descriptor, _, errno := syscall.Syscall6(syscall.SYS_ACCEPT4, listener, 0, 0, syscall.SOCK_NONBLOCK, 0, 0)
		check(errno)
		client := os.NewFile(descriptor, "client")
		go func() {
			defer client.Close()
			handle(client)
		}()
	}
}

// listen is by system calls: Go's own packages do not know this family of sockets.
func listen(port uint32) uintptr {
	const family = 40 // AF_VSOCK
	const anyCID = 0xffffffff
	listener, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	must(err)
	// As in vsock(7).
	address := struct {
		family, reserved uint16
		port, cid        uint32
		zero             uint32
	}{family: family, port: port, cid: anyCID}
	size := unsafe.Sizeof(address)
	_, _, errno := syscall.Syscall(syscall.SYS_BIND, uintptr(listener), uintptr(unsafe.Pointer(&address)), size)
	check(errno)
	must(syscall.Listen(listener, 128))
	return uintptr(listener)
}

func check(errno syscall.Errno) {
	if errno != 0 {
		must(errno)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
