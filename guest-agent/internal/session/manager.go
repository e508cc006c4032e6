// Package session runs commands for clients: from the first message of an Exec to its last.
package session

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
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
	Processes launch.Processes
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
	// Starts without a client that have not come back from a file.
	stuck atomic.Int32
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

const (
	// So long may a client wait with the first message.
	startDeadline = 30 * time.Second
	// So long a start may take to come back when its client has gone.
	lostStartDeadline = time.Second
	// Each holds a thread.
	maxStuckStarts = 128
)

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
	report := &report{asked: asked}
	if refusal == nil {
		if refusal, err = m.startUnlessGone(x, report); err != nil {
			return err
		}
	}
	defer func() { report.log(m.options.Log, time.Since(began)) }()
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
	if stuck := m.stuck.Load(); stuck >= maxStuckStarts {
		return status.Errorf(codes.ResourceExhausted, "%d starts that were given up still wait for files of the guest", stuck)
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

// A file may keep whoever looks at it waiting for ever: that of a server that is gone, for one. So a start has a goroutine
// of its own, which is left to itself when its client has gone; should it come back, its command is ended.
func (m *Manager) startUnlessGone(x *execution, report *report) (*launch.Refusal, error) {
	done := make(chan *launch.Refusal, 1)
	go func() { done <- m.start(x, report) }()
	select {
	case refusal := <-done:
		return refusal, nil
	case <-x.stream.Context().Done():
	}
	select {
	case refusal := <-done:
		return refusal, nil
	case <-time.After(lostStartDeadline):
	}
	m.options.Log.Warn("a start is given up: its client has gone, and it waits for a file", "id", x.asked.id, "waiting", m.stuck.Add(1))
	go func() {
		defer m.stuck.Add(-1)
		if refusal := <-done; refusal == nil {
			x.end()
		}
	}()
	return nil, status.FromContextError(x.stream.Context().Err()).Err()
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
	command.Processes = m.options.Processes
	process, err := launch.Start(command)
	if err != nil {
		group.Release()
		return err.(*launch.Refusal)
	}
	x.forget = func() { m.options.Processes.Forget(process.Pid) }
	// Nobody else waits for its end.
	x.begin(process, tree.New(process.Pid, x.asked.id, group))
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
