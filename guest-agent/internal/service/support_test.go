package service_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"proxmox-lxcri/guest-agent/internal/client"
	"proxmox-lxcri/guest-agent/internal/launch"
	"proxmox-lxcri/guest-agent/internal/listen"
	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/reaper"
	"proxmox-lxcri/guest-agent/internal/rootfs"
	"proxmox-lxcri/guest-agent/internal/service"
	"proxmox-lxcri/guest-agent/internal/session"
	"proxmox-lxcri/guest-agent/internal/tree"
)

// As the agent's own main does: what a shell starts in the background ignores some, and so would its commands.
func init() {
	for _, ignorable := range []os.Signal{unix.SIGINT, unix.SIGHUP} {
		if signal.Ignored(ignorable) {
			signal.Notify(make(chan os.Signal, 1), ignorable)
		}
	}
}

// Only a hang takes so long, also on a busy machine.
const patience = 60 * time.Second

// An agent in this process, and a client of it.
type agent struct {
	*client.Client
	socket   string
	sessions *session.Manager
	log      *syncedBuffer
}

type setup struct {
	root        string
	maxSessions int
	withGroups  bool
	processes   launch.Processes
}

func startAgent(t *testing.T, asked setup) *agent {
	t.Helper()
	if asked.root == "" {
		asked.root = rootfs.Auto
	}
	if asked.maxSessions == 0 {
		asked.maxSessions = 64
	}
	// A Unix socket's path is short.
	directory, err := os.MkdirTemp("", "agent")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(directory) })
	if asked.processes == nil {
		asked.processes = reaper.New()
	}
	log := &syncedBuffer{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	var groups *tree.Groups
	if asked.withGroups {
		if groups, err = tree.NewGroups(); err != nil {
			t.Skipf("SKIPPED: no control groups here: %v", err)
		}
		t.Cleanup(groups.Close)
	}
	sessions := session.NewManager(session.Options{
		Root: asked.root, MaxSessions: asked.maxSessions, Groups: groups, Log: logger, Processes: asked.processes,
	})
	server := service.New(service.Options{
		Version: "test", Sessions: sessions, Root: asked.root, MaxSessions: asked.maxSessions, Log: logger,
	})
	socket := filepath.Join(directory, "agent.sock")
	listener, err := listen.Open("unix:"+socket, nil, logger)
	must(t, err)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return &agent{Client: dial(t, socket), socket: socket, sessions: sessions, log: log}
}

func dial(t *testing.T, socket string) *client.Client {
	t.Helper()
	connection, err := client.Dial(socket, 0)
	must(t, err)
	t.Cleanup(func() { connection.Close() })
	return connection
}

func patiently(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A start of a client that knows us.
func command(words ...string) *pb.ExecStart {
	start := &pb.ExecStart{Protocol: 1}
	for _, word := range words {
		start.Argv = append(start.Argv, []byte(word))
	}
	return start
}

func shell(script string) *pb.ExecStart { return command("sh", "-c", script) }

func with(start *pb.ExecStart, change func(*pb.ExecStart)) *pb.ExecStart {
	change(start)
	return start
}

func run(t *testing.T, agent *agent, start *pb.ExecStart) client.Result {
	t.Helper()
	result, err := agent.Run(patiently(t), start)
	must(t, err)
	return result
}

// A running command: its stream, and what it says as it comes.
type running struct {
	*client.Exec
	t      *testing.T
	cancel context.CancelFunc
	id     string
	pid    int
	output *syncedBuffer
	result client.Result
	err    error
	ended  chan struct{}
}

func begin(t *testing.T, client *client.Client, start *pb.ExecStart) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(patiently(t))
	t.Cleanup(cancel)
	stream, err := client.Exec(ctx, "/guest.GuestService/", start)
	must(t, err)
	first, err := stream.Recv()
	must(t, err)
	if first.GetStarted() == nil {
		t.Fatalf("it was not started: %v", first)
	}
	begun := &running{
		Exec: stream, t: t, cancel: cancel, id: first.GetStarted().GetExecutionId(), pid: int(first.GetStarted().GetPid()),
		output: &syncedBuffer{}, ended: make(chan struct{}),
	}
	go begun.collect()
	return begun
}

func (r *running) collect() {
	defer close(r.ended)
	r.result, r.err = client.Collect(r.Exec, func(bytes []byte) { r.output.Write(bytes) })
}

func (r *running) says(text string) {
	r.t.Helper()
	waitFor(r.t, "output "+text, func() bool { return strings.Contains(r.output.String(), text) })
}

func (r *running) end() (client.Result, error) {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatal("it does not end")
	}
	return r.result, r.err
}

func (r *running) input(text string) {
	r.t.Helper()
	must(r.t, r.Send(&pb.ExecRequest{Request: &pb.ExecRequest_Stdin{Stdin: []byte(text)}}))
}

func (r *running) control(agent *agent, request *pb.ControlRequest) (*pb.ControlResponse, error) {
	request.ExecutionId = r.id
	return client.Call[pb.ControlResponse](patiently(r.t), agent.Client, "Control", request)
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[Value comparable](t *testing.T, what string, found, expected Value) {
	t.Helper()
	if found != expected {
		t.Errorf("%s is %#v, not %#v", what, found, expected)
	}
}

func needsRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: it needs root")
	}
}

type syncedBuffer struct {
	lock    sync.Mutex
	content strings.Builder
}

func (b *syncedBuffer) Write(bytes []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.content.Write(bytes)
}

func (b *syncedBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.content.String()
}

var _ io.Writer = (*syncedBuffer)(nil)

// Whether a process with a word in its command line runs, by a word that no other test uses.
func runs(word string) bool {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(content), word) && !strings.Contains(string(content), "-test.") {
			return true
		}
	}
	return false
}
