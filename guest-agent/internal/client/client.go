// Package client is a small client of the agent, for its tests and the benchmark.
package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"proxmox-lxcri/guest-agent/internal/pb"
)

// The service paths of Exec.
const (
	GuestService = "/guest.GuestService/"
	ExecService  = "/exec.ExecService/"
)

// Client is one connection to an agent.
type Client struct{ *grpc.ClientConn }

const (
	dialTimeout = 5 * time.Second
	window      = 8 << 20
)

// Dial connects to a Unix socket of an agent, or, with a port, of a virtual machine monitor that answers CONNECT.
func Dial(path string, port int) (*Client, error) {
	connection, err := grpc.NewClient("passthrough:agent",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx, path, port) }))
	if err != nil {
		return nil, err
	}
	return &Client{connection}, nil
}

func dial(ctx context.Context, path string, port int) (net.Conn, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil || port == 0 {
		return connection, err
	}
	line, err := shakeHands(connection, port)
	if err == nil && !strings.HasPrefix(line, "OK ") {
		err = fmt.Errorf("the monitor said %q", line)
	}
	if err != nil {
		connection.Close()
		return nil, err
	}
	return connection, nil
}

// A byte at a time: what follows the line is the agent's.
func shakeHands(connection net.Conn, port int) (string, error) {
	if err := connection.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(connection, "CONNECT %d\n", port); err != nil {
		return "", err
	}
	line, err := bufio.NewReaderSize(oneByte{connection}, 16).ReadString('\n')
	if err != nil {
		return "", err
	}
	return line, connection.SetDeadline(time.Time{})
}

type oneByte struct{ io.Reader }

func (o oneByte) Read(buffer []byte) (int, error) { return o.Reader.Read(buffer[:1]) }

// Exec is a stream of one command.
type Exec = grpc.GenericClientStream[pb.ExecRequest, pb.ExecResponse]

// Exec opens the stream at a service path and sends its start.
func (c *Client) Exec(ctx context.Context, service string, start *pb.ExecStart) (*Exec, error) {
	description := &grpc.StreamDesc{StreamName: "Exec", ServerStreams: true, ClientStreams: true}
	stream, err := c.NewStream(ctx, description, service+"Exec")
	if err != nil {
		return nil, err
	}
	exec := &Exec{ClientStream: stream}
	return exec, exec.Send(&pb.ExecRequest{Request: &pb.ExecRequest_Start{Start: start}})
}

// Result is all that a command said.
type Result struct {
	Started        *pb.ExecStarted
	Stdout, Stderr []byte
	// The last message; nil where none came.
	Last *pb.ExecResponse
}

// Collect reads a stream to its end, and hands output on instead of keeping it where it is told to.
func Collect(exec *Exec, output func([]byte)) (Result, error) {
	var result Result
	for {
		message, err := exec.Recv()
		if errors.Is(err, io.EOF) {
			if result.Last == nil {
				return result, errors.New("the stream has ended without an exit code")
			}
			return result, nil
		}
		if err != nil {
			return result, err
		}
		switch part := message.GetResponse().(type) {
		case *pb.ExecResponse_Started:
			result.Started = part.Started
		case *pb.ExecResponse_Stdout:
			if output != nil {
				output(part.Stdout)
			} else {
				result.Stdout = append(result.Stdout, part.Stdout...)
			}
		case *pb.ExecResponse_Stderr:
			result.Stderr = append(result.Stderr, part.Stderr...)
		case *pb.ExecResponse_ExitCode:
			result.Last = message
		}
	}
}

// Run runs a command without standard input.
func (c *Client) Run(ctx context.Context, start *pb.ExecStart) (Result, error) {
	start.NoStdin = true
	exec, err := c.Exec(ctx, GuestService, start)
	if err != nil {
		return Result{}, err
	}
	return Collect(exec, nil)
}

// Call makes a call with one request and one answer.
func Call[Response any](ctx context.Context, c *Client, name string, request any) (*Response, error) {
	response := new(Response)
	return response, c.Invoke(ctx, GuestService+name, request, response)
}
