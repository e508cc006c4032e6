// Package session runs commands for clients: from the first message of an Exec to its last.
package session

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"proxmox-lxcri/guest-agent/internal/launch"
	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/rootfs"
	"proxmox-lxcri/guest-agent/internal/tree"
)

// Options are what the agent was told of sessions.
type Options struct {
	// Root is a directory, or rootfs.Auto.
	Root        string
	MaxSessions int
	// Groups is nil where there are no control groups.
	Groups *tree.Groups
	Log    *slog.Logger
	// Processes is told of each new process.
	Processes Processes
}

// Processes is told which processes have somebody who waits for them.
type Processes interface {
	// Start runs what makes a process, and remembers its pid.
	Start(make func() (pid int, err error)) error
	// Forget is called once it was waited for.
	Forget(pid int)
}

// Manager holds all running sessions.
type Manager struct {
	options Options

	lock    sync.Mutex
	running map[string]*execution
	// Closed when the agent is to end.
	closing chan struct{}
	grace   time.Duration
	// Counts those in Run.
	inside sync.WaitGroup
}

// NewManager makes a manager without sessions.
func NewManager(options Options) *Manager {
	return &Manager{options: options, running: map[string]*execution{}, closing: make(chan struct{})}
}

// Stream is one Exec.
type Stream interface {
	Context() context.Context
	Recv() (*pb.ExecRequest, error)
	Send(*pb.ExecResponse) error
}

// So long may a client wait with the first message.
const startDeadline = 30 * time.Second

// Run serves one Exec to its end.
func (m *Manager) Run(stream Stream) error {
	start, err := receiveStart(stream)
	if err != nil {
		return err
	}
	asked, refusal := parse(start)
	began := time.Now()
	x := &execution{asked: asked, stream: stream, closing: m.closing, ends: make(chan time.Duration, 1)}
	if err := m.enter(x); err != nil {
		return err
	}
	defer m.leave(x)
	report := report{asked: asked}
	defer func() { report.log(m.options.Log, time.Since(began)) }()
	if refusal == nil {
		refusal = m.start(x, &report)
	}
	if refusal != nil {
		report.refusal = refusal
		return x.refuse(refusal)
	}
	x.began = began
	x.grace = func() time.Duration { return m.grace }
	outcome, err := x.supervise()
	report.outcome = &outcome
	return err
}

func receiveStart(stream Stream) (*pb.ExecStart, error) {
	type received struct {
		request *pb.ExecRequest
		err     error
	}
	first := make(chan received, 1)
	go func() {
		// Ends with the stream at the latest.
		request, err := stream.Recv()
		first <- received{request, err}
	}()
	select {
	case got := <-first:
		if got.err != nil {
			return nil, status.Error(codes.InvalidArgument, "the stream ended before its start")
		}
		if start := got.request.GetStart(); start != nil {
			return start, nil
		}
		return nil, status.Error(codes.InvalidArgument, "the first message is no start")
	case <-time.After(startDeadline):
		return nil, status.Error(codes.InvalidArgument, "no start came")
	}
}

func (m *Manager) enter(x *execution) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	select {
	case <-m.closing:
		return status.Error(codes.Unavailable, "the agent shuts down")
	default:
	}
	if len(m.running) >= m.options.MaxSessions {
		return status.Errorf(codes.ResourceExhausted, "%d sessions are running, which is the limit", len(m.running))
	}
	if m.running[x.asked.id] != nil {
		return status.Errorf(codes.AlreadyExists, "an execution %s is running", x.asked.id)
	}
	m.running[x.asked.id] = x
	m.inside.Add(1)
	return nil
}

func (m *Manager) leave(x *execution) {
	m.lock.Lock()
	delete(m.running, x.asked.id)
	m.lock.Unlock()
	m.inside.Done()
}

func (m *Manager) start(x *execution, report *report) *launch.Refusal {
	command, refusal := x.asked.command(rootfs.Path(m.options.Root))
	if refusal != nil {
		return refusal
	}
	report.command = &command
	group, err := m.options.Groups.New(x.asked.id)
	if err != nil {
		return &launch.Refusal{Code: launch.OperationFailed, Message: "its control group cannot be made: " + err.Error()}
	}
	command.CgroupFD = group.FD()
	err = m.options.Processes.Start(func() (int, error) {
		process, err := launch.Start(command)
		if err != nil {
			return 0, err
		}
		// Now, before anybody can wait for its end.
		x.begin(process, tree.New(process.Pid, x.asked.id, group))
		return process.Pid, nil
	})
	if err != nil {
		group.Release()
		return err.(*launch.Refusal)
	}
	x.forget = func() { m.options.Processes.Forget(x.process.Pid) }
	return nil
}

var errNotRunning = status.Error(codes.NotFound, "no such execution is running")

// Control acts on a running session; it gives the number of processes that resisted SIGKILL.
func (m *Manager) Control(request *pb.ControlRequest) (int, error) {
	m.lock.Lock()
	x := m.running[request.GetExecutionId()]
	m.lock.Unlock()
	if x == nil || !x.hasBegun() {
		return 0, errNotRunning
	}
	switch action := request.GetAction().(type) {
	case *pb.ControlRequest_Signal:
		return x.signal(action.Signal)
	case *pb.ControlRequest_Resize:
		return 0, x.resize(action.Resize)
	case *pb.ControlRequest_CloseOutput:
		x.closeOutput(action.CloseOutput)
		return 0, nil
	}
	return 0, status.Error(codes.InvalidArgument, "this agent knows no such action")
}

// Shutdown refuses new sessions, and returns when the running ones have ended: they get SIGTERM, and SIGKILL after the
// time of grace.
func (m *Manager) Shutdown(grace time.Duration) {
	m.lock.Lock()
	m.grace = grace
	close(m.closing)
	m.lock.Unlock()
	m.inside.Wait()
}

// Signals of a process are numbered from 1 to this.
const maxSignal = 64

func signalOf(number int32) (unix.Signal, error) {
	if number < 1 || number > maxSignal {
		return 0, status.Errorf(codes.InvalidArgument, "a signal is a number from 1 to %d", maxSignal)
	}
	return unix.Signal(number), nil
}
