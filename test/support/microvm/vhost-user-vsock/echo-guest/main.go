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

	"vhost-user-vsock/guestsocket"
)

func main() {
	go func() { must(guestsocket.Serve(2223, sayBye)) }()
	must(guestsocket.Serve(2222, func(client *os.File) { _, _ = io.Copy(client, client) }))
}

func sayBye(client *os.File) {
	fmt.Fprintln(client, "bye")
	raw, err := client.SyscallConn()
	must(err)
	must(raw.Control(func(descriptor uintptr) { must(syscall.Shutdown(int(descriptor), syscall.SHUT_WR)) }))
	count, err := io.Copy(io.Discard, client)
	fmt.Printf("after bye: %d bytes, %v\n", count, err)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
