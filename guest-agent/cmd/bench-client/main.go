// Measures an agent: the time of `exec true`, and how fast output and input run. Prints one JSON document.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"proxmox-lxcri/guest-agent/internal/client"
	"proxmox-lxcri/guest-agent/internal/pb"
)

type report struct {
	Runs        int     `json:"runs"`
	TrueP50Ms   float64 `json:"trueP50Ms"`
	TrueP95Ms   float64 `json:"trueP95Ms"`
	OutputMiBps float64 `json:"outputMiBps"`
	InputMiBps  float64 `json:"inputMiBps"`
}

const mebibyte = 1 << 20

func main() {
	socket := flag.String("socket", "", "`PATH` of the agent's Unix socket, or of a virtual machine monitor's with --port")
	port := flag.Int("port", 0, "vsock `PORT` that the monitor is asked for; 0: none")
	runs := flag.Int("runs", 200, "`NUMBER` of times that `true` runs")
	size := flag.Int("mib", 256, "`MIB` of output, and of input; 0: not measured")
	flag.Parse()
	result, err := measure(*socket, *port, *runs, *size)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-client:", err)
		os.Exit(1)
	}
}

func measure(socket string, port, runs, size int) (report, error) {
	result := report{Runs: runs}
	connection, err := client.Dial(socket, port)
	if err != nil {
		return result, err
	}
	defer connection.Close()
	var times []float64
	// The first one connects.
	for run := -1; run < runs; run++ {
		began := time.Now()
		if err := expectSuccess(connection.Run(context.Background(), command("true"))); err != nil {
			return result, err
		}
		if run >= 0 {
			times = append(times, time.Since(began).Seconds()*1000)
		}
	}
	slices.Sort(times)
	if len(times) > 0 {
		result.TrueP50Ms, result.TrueP95Ms = times[len(times)/2], times[len(times)*95/100]
	}
	if size == 0 {
		return result, nil
	}
	if result.OutputMiBps, err = measureOutput(connection, size); err != nil {
		return result, err
	}
	result.InputMiBps, err = measureInput(connection, size)
	return result, err
}

func command(words ...string) *pb.ExecStart {
	return &pb.ExecStart{Command: words, Protocol: 1}
}

func expectSuccess(result client.Result, err error) error {
	if err == nil && result.Last.GetExitCode() != 0 {
		err = fmt.Errorf("the command ended with %d: %s", result.Last.GetExitCode(), result.Stderr)
	}
	return err
}

func measureOutput(connection *client.Client, size int) (float64, error) {
	began := time.Now()
	start := command("head", "-c", fmt.Sprint(size*mebibyte), "/dev/zero")
	start.NoStdin = true
	exec, err := connection.Exec(context.Background(), client.GuestService, start)
	if err != nil {
		return 0, err
	}
	received := 0
	result, err := client.Collect(exec, func(bytes []byte) { received += len(bytes) })
	if err := expectSuccess(result, err); err != nil {
		return 0, err
	}
	if received != size*mebibyte {
		return 0, fmt.Errorf("%d bytes came instead of %d", received, size*mebibyte)
	}
	return float64(size) / time.Since(began).Seconds(), nil
}

func measureInput(connection *client.Client, size int) (float64, error) {
	began := time.Now()
	exec, err := connection.Exec(context.Background(), client.GuestService, command("sh", "-c", "cat >/dev/null"))
	if err != nil {
		return 0, err
	}
	chunk := make([]byte, mebibyte/4)
	for range size * 4 {
		if err := exec.Send(&pb.ExecRequest{Request: &pb.ExecRequest_Stdin{Stdin: chunk}}); err != nil {
			return 0, err
		}
	}
	if err := exec.CloseSend(); err != nil {
		return 0, err
	}
	if err := expectSuccess(client.Collect(exec, nil)); err != nil {
		return 0, err
	}
	return float64(size) / time.Since(began).Seconds(), nil
}
