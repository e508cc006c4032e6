package main

import (
	"errors"
	"net"
	"strconv"
	"strings"
)

// As many as Firecracker serves.
const maxConnections = 1023

// The longest line there is: "CONNECT 4294967295\n".
const maxLine = 19

// acceptClients serves whoever comes to the hybrid socket, until the socket is closed.
func acceptClients(clients *net.UnixListener, d *device) {
	free := make(chan struct{}, maxConnections)
	for {
		free <- struct{}{}
		socket, err := clients.AcceptUnix()
		if err != nil {
			return
		}
		go func() {
			defer func() { <-free }()
			defer socket.Close()
			if port, err := readConnect(socket); err == nil {
				newConnection(d, socket, port).serve()
			}
		}()
	}
}

// readConnect reads the client's first line, and nothing of what may come after it.
func readConnect(from *net.UnixConn) (guestPort uint32, err error) {
	var line strings.Builder
	one := make([]byte, 1)
	for line.Len() < maxLine {
		if _, err := from.Read(one); err != nil {
			return 0, err
		}
		if one[0] == '\n' {
			return parseConnect(line.String())
		}
		line.WriteByte(one[0])
	}
	return 0, errors.New("too long a line")
}

func parseConnect(line string) (uint32, error) {
	const word = "CONNECT "
	if !strings.HasPrefix(line, word) {
		return 0, errors.New("not a line that connects")
	}
	number, err := strconv.ParseUint(line[len(word):], 10, 32)
	return uint32(number), err
}
