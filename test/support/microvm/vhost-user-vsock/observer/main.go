// Command observer is a program for a guest that shows what happens there without the agent that is tested.
//
// At port 3000 it takes one request a connection, and gives one answer; both are one JSON document.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"vhost-user-vsock/guestsocket"
)

const port = 3000

// A request asks for one thing.
type request struct {
	// Processes asks for all that run.
	Processes bool `json:"processes"`
	// Kill is the process that shall be killed.
	Kill int `json:"kill"`
	// Run is a program and its arguments. The answer comes when it has ended, and its output has.
	Run []string `json:"run"`
}

type answer struct {
	Processes []process `json:"processes"`
	ExitCode  int       `json:"exitCode"`
	Stdout    string    `json:"stdout"`
	Stderr    string    `json:"stderr"`
	// Error is why there is no other answer.
	Error string `json:"error,omitempty"`
}

// A process is what files of /proc hold of it.
type process struct {
	Pid     int    `json:"pid"`
	Stat    string `json:"stat"`
	Cmdline string `json:"cmdline"`
}

func main() {
	err := guestsocket.Serve(port, func(client *os.File) {
		var asked request
		if json.NewDecoder(client).Decode(&asked) != nil {
			return
		}
		given, err := answerTo(asked)
		if err != nil {
			given.Error = err.Error()
		}
		_ = json.NewEncoder(client).Encode(given)
	})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func answerTo(asked request) (given answer, err error) {
	switch {
	case asked.Processes:
		given.Processes, err = processes()
	case asked.Kill > 0:
		// It may have ended meanwhile.
		if err = syscall.Kill(asked.Kill, syscall.SIGKILL); err == syscall.ESRCH {
			err = nil
		}
	case len(asked.Run) > 0:
		err = run(asked.Run, &given)
	default:
		err = errors.New("nothing is asked for")
	}
	return given, err
}

func run(words []string, given *answer) error {
	var stdout, stderr bytes.Buffer
	command := exec.Command(words[0], words[1:]...)
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	given.Stdout, given.Stderr = stdout.String(), stderr.String()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		given.ExitCode, err = ended.ExitCode(), nil
	}
	return err
}

// processes leaves out the kernel's own threads, which come and go as it likes.
func processes() ([]process, error) {
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	found := []process{}
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(path + "/stat")
		if err != nil || isOfKernel(string(stat)) {
			continue
		}
		// What has ended meanwhile has none.
		cmdline, _ := os.ReadFile(path + "/cmdline")
		found = append(found, process{Pid: pid, Stat: string(stat), Cmdline: string(cmdline)})
	}
	return found, nil
}

// isOfKernel reads the flags, the ninth field. The second is a name in parentheses, which may hold anything.
func isOfKernel(stat string) bool {
	const kernelThread = 0x00200000 // PF_KTHREAD
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return err == nil && flags&kernelThread != 0
}
