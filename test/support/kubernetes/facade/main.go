// A small API server of Kubernetes for tests: real pods on a private containerd, and exec through its real streaming
// server, translated by the code of the real API server (k8s.io/apiserver's stream translator).
//
// It is told what to do on its standard input, one JSON object on each line, and answers each with one on its standard
// output. The first one is the settings. It ends when its standard input does, so also when its starter is killed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/types"
)

// settings are what it is started with.
type settings struct {
	// Socket is where containerd listens.
	Socket string `json:"socket"`
	// CgroupParent is where all containers are put, so that the starter finds them whatever happens.
	CgroupParent string `json:"cgroupParent"`
	CertFile     string `json:"certFile"`
	KeyFile      string `json:"keyFile"`
	// ClientCAFile signs the certificates of users.
	ClientCAFile string  `json:"clientCaFile"`
	Users        []user  `json:"users"`
	Exec         execAPI `json:"exec"`
}

// command is a line after the first one.
type command struct {
	// User is one more user, or another version of one.
	User *user `json:"user,omitempty"`
	// Exec is how the exec subresource behaves from now on.
	Exec *execAPI `json:"exec,omitempty"`
	// Requests asks for all requests so far.
	Requests bool `json:"requests,omitempty"`
	// Containers asks for those of a pod, by their processes.
	Containers *types.NamespacedName `json:"containers,omitempty"`
}

type reply struct {
	Port       int                `json:"port,omitempty"`
	Requests   []request          `json:"requests,omitempty"`
	Containers []containerProcess `json:"containers,omitempty"`
	Error      string             `json:"error,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "facade:", err)
		os.Exit(1)
	}
}

func run() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return fmt.Errorf("no settings: %v", lines.Err())
	}
	var given settings
	if err := json.Unmarshal(lines.Bytes(), &given); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	server, err := newServer(given)
	if err != nil {
		return err
	}
	port, err := server.listen(given)
	if err != nil {
		return err
	}
	say(reply{Port: port})
	for lines.Scan() {
		say(obey(server, lines.Bytes()))
	}
	return lines.Err()
}

func obey(server *server, line []byte) reply {
	var wanted command
	if err := json.Unmarshal(line, &wanted); err != nil {
		return reply{Error: err.Error()}
	}
	if wanted.User != nil {
		server.users.add(*wanted.User)
	}
	if wanted.Exec != nil {
		server.setExec(*wanted.Exec)
	}
	if wanted.Requests {
		return reply{Requests: server.log.all()}
	}
	if wanted.Containers != nil {
		found, err := server.pods.containersOf(*wanted.Containers)
		if err != nil {
			return reply{Error: err.Error()}
		}
		return reply{Containers: found}
	}
	return reply{}
}

func say(what reply) {
	line, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}
