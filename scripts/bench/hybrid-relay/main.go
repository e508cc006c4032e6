// Answers the handshake of hybrid vsock for an agent that listens on a Unix socket, and copies: what it costs, it costs
// every client alike. Its arguments: the path of its own socket, and that of the agent's.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: hybrid-relay SOCKET AGENT-SOCKET")
	}
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go pass(client, os.Args[2])
	}
}

func pass(client net.Conn, path string) {
	defer client.Close()
	// Clients wait for the answer, so that nothing else can have come.
	if _, err := bufio.NewReader(client).ReadString('\n'); err != nil {
		return
	}
	agent, err := net.Dial("unix", path)
	if err != nil {
		return
	}
	defer agent.Close()
	if _, err := fmt.Fprintln(client, "OK 1073741824"); err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(agent, client)
		agent.Close()
	}()
	_, _ = io.Copy(client, agent)
}
