package session

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"proxmox-lxcri/guest-agent/internal/launch"
	"proxmox-lxcri/guest-agent/internal/pb"
	"proxmox-lxcri/guest-agent/internal/tree"
)

const (
	// With what stands around it in a message, one of the sizes that gRPC keeps buffers of (32 KiB; the next is 1 MiB, all of
	// which is zeroed for each message).
	readBytes = 32<<10 - 64
	// A process that was left behind may hold the output: after so long a silence we have heard all that we wait for.
	drainSilence = time.Second
	// How often we look whether it has become silent.
	drainInterval = 20 * time.Millisecond
)

var buffers = sync.Pool{New: func() any { return new([readBytes]byte) }}

// One command, from its start to its last message.
type execution struct {
	asked   request
	stream  Stream
	closing <-chan struct{}
	grace   func() time.Duration
	began   time.Time
	forget  func()
	// The time after which a command that is asked to end is killed.
	ends chan time.Duration

	begun   atomic.Bool
	process *launch.Process
	tree    *tree.Tree

	sendLock sync.Mutex
	// Readers that wait for the client to take what they have.
	sending atomic.Int32
	// The files that still have a reader.
	read sync.Map
	// When a reader was last ready to read, in nanoseconds since began.
	readyAt atomic.Int64

	// Whether what was typed last was a whole line.
	lineEnded bool

	// A client has asked for SIGKILL to all its processes.
	treeKilled atomic.Bool

	controlLock sync.Mutex
	// The last message is on its way: nothing can be asked for any more.
	over bool
}

// How it ended.
type outcome struct {
	status   syscall.WaitStatus
	timedOut bool
	// All its processes were to be killed, with the command or after it.
	killed     bool
	lost       bool
	incomplete bool
	left       int
	took       time.Duration
}

func (x *execution) begin(process *launch.Process, processes *tree.Tree) {
	x.process, x.tree, x.lineEnded = process, processes, true
	x.begun.Store(true)
}

func (x *execution) hasBegun() bool { return x.begun.Load() }

func (x *execution) supervise() (outcome, error) {
	defer x.tree.Release()
	defer x.closeFiles()
	if x.asked.knowsOurs {
		started := &pb.ExecStarted{Pid: int32(x.process.Pid), ExecutionId: x.asked.id}
		// Where it fails, the stream's context is done.
		_ = x.send(&pb.ExecResponse{Response: &pb.ExecResponse_Started{Started: started}})
	}
	go x.feed()
	silent := x.readOutput()
	exited := make(chan syscall.WaitStatus, 1)
	go func() {
		exited <- x.wait()
	}()
	result := x.awaitExit(exited)
	if !result.lost {
		x.drain(silent, &result)
	}
	// Whoever still holds the output was not found, and nobody knows how many there are.
	isHeld := result.incomplete && (result.killed || x.treeKilled.Load())
	if x.close() {
		x.kill(&result)
	}
	if isHeld {
		result.left = max(result.left, 1)
	}
	if result.lost {
		x.closeFiles()
		<-silent
		return result, status.FromContextError(x.stream.Context().Err()).Err()
	}
	result.took = time.Since(x.began)
	return result, x.send(lastMessage(result))
}

// Ends what was started for nobody.
func (x *execution) end() {
	x.tree.Kill()
	x.closeFiles()
	x.wait()
	x.tree.Release()
}

func (x *execution) kill(result *outcome) {
	result.killed = true
	result.left = x.tree.Kill()
}

// From here on nothing is asked for; gives whether an end was, and nobody has seen it yet.
func (x *execution) close() bool {
	x.controlLock.Lock()
	defer x.controlLock.Unlock()
	x.over = true
	select {
	case <-x.ends:
		return true
	default:
		return false
	}
}

func (x *execution) wait() syscall.WaitStatus {
	defer x.forget()
	state, err := x.process.Wait()
	if err != nil {
		// Nobody else waits for it.
		return syscall.WaitStatus(unix.SIGKILL)
	}
	return state.Sys().(syscall.WaitStatus)
}

// Until the command itself has ended. What is left of its processes is ended too where that was asked for.
func (x *execution) awaitExit(exited <-chan syscall.WaitStatus) outcome {
	var result outcome
	var timeout, killing <-chan time.Time
	if x.asked.timeout > 0 {
		timeout = time.After(x.asked.timeout)
	}
	closing, lost := x.closing, x.stream.Context().Done()
	ending := false
	end := func(after time.Duration) {
		ending = true
		killing = time.After(after)
	}
	for {
		select {
		case result.status = <-exited:
			if ending || result.lost {
				x.kill(&result)
			}
			return result
		case <-lost:
			lost = nil
			result.lost = true
			x.tree.Kill()
		case <-timeout:
			result.timedOut = true
			x.signalGroup(unix.SIGTERM)
			end(x.asked.killAfter)
		case <-closing:
			closing = nil
			x.signalGroup(unix.SIGTERM)
			end(x.grace())
		case after := <-x.ends:
			if killing == nil {
				end(after)
			}
		case <-killing:
			x.tree.Kill()
			killing = time.After(drainSilence)
		}
	}
}

// Starts to read; the channel is closed when there is nothing more to come.
func (x *execution) readOutput() <-chan struct{} {
	var readers sync.WaitGroup
	read := func(file *os.File, message func([]byte) *pb.ExecResponse) {
		if file != nil {
			x.read.Store(file, true)
			readers.Go(func() {
				defer x.read.Delete(file)
				x.pump(file, message)
			})
		}
	}
	read(x.process.Terminal, stdoutMessage)
	read(x.process.Stdout, stdoutMessage)
	read(x.process.Stderr, stderrMessage)
	silent := make(chan struct{})
	go func() {
		readers.Wait()
		close(silent)
	}()
	return silent
}

func stdoutMessage(chunk []byte) *pb.ExecResponse {
	return &pb.ExecResponse{Response: &pb.ExecResponse_Stdout{Stdout: chunk}}
}

func stderrMessage(chunk []byte) *pb.ExecResponse {
	return &pb.ExecResponse{Response: &pb.ExecResponse_Stderr{Stderr: chunk}}
}

func (x *execution) pump(file *os.File, message func([]byte) *pb.ExecResponse) {
	buffer := buffers.Get().(*[readBytes]byte)
	defer buffers.Put(buffer)
	for {
		x.readyAt.Store(int64(time.Since(x.began)))
		n, err := file.Read(buffer[:])
		if n > 0 {
			x.sending.Add(1)
			sendErr := x.send(message(buffer[:n]))
			x.readyAt.Store(int64(time.Since(x.began)))
			x.sending.Add(-1)
			if sendErr != nil {
				return
			}
		}
		// Also EIO: nobody has the terminal open any more.
		if err != nil {
			return
		}
	}
}

// Hears the rest of the output. Whoever holds it for longer was not meant to be waited for.
func (x *execution) drain(silent <-chan struct{}, result *outcome) {
	for {
		silence := time.Since(x.began) - time.Duration(x.readyAt.Load())
		rest := max(drainSilence-silence, drainInterval)
		if x.sending.Load() > 0 {
			rest = drainSilence
		}
		select {
		case <-silent:
			return
		case <-x.stream.Context().Done():
			// The command has ended by itself; but nobody has heard so.
			result.lost = true
			x.kill(result)
			return
		case <-x.ends:
			x.kill(result)
		case <-time.After(rest):
			silence := time.Since(x.began) - time.Duration(x.readyAt.Load())
			if x.sending.Load() == 0 && silence >= drainSilence && !x.outputWaits() {
				result.incomplete = true
				x.closeFiles()
				<-silent
				return
			}
		}
	}
}

func (x *execution) outputWaits() bool {
	waits := false
	x.read.Range(func(file, _ any) bool {
		waits = waits || launch.Waits(file.(*os.File))
		return !waits
	})
	return waits
}

func lastMessage(result outcome) *pb.ExecResponse {
	exit := &pb.ExecExit{
		TimedOut: result.timedOut, OutputIncomplete: result.incomplete, Left: uint32(result.left),
		DurationUs: uint64(result.took.Microseconds()),
	}
	code := int32(result.status.ExitStatus())
	if result.status.Signaled() {
		signal := result.status.Signal()
		exit.Signal, exit.SignalName, exit.CoreDumped = int32(signal), signalName(signal), result.status.CoreDump()
		code = 128 + exit.Signal
	} else {
		exit.Code = code
	}
	if result.timedOut {
		code = 124
	}
	return &pb.ExecResponse{Response: &pb.ExecResponse_ExitCode{ExitCode: code}, Exit: exit}
}

// Says that nothing was started.
func (x *execution) refuse(refusal *launch.Refusal) error {
	text := strings.ToValidUTF8(refusal.Message, "\uFFFD")
	last := &pb.ExecResponse{Response: &pb.ExecResponse_ExitCode{ExitCode: refusal.ExitCode()}}
	if x.asked.knowsOurs {
		last.Error = &pb.ExecError{Code: refusal.Code, Message: text}
		return x.send(last)
	}
	// At a terminal there is no stderr.
	message := stderrMessage
	if x.asked.terminal != nil {
		message, text = stdoutMessage, text+"\r"
	}
	return errors.Join(x.send(message([]byte("guest agent: "+text+"\n"))), x.send(last))
}

func (x *execution) send(message *pb.ExecResponse) error {
	x.sendLock.Lock()
	defer x.sendLock.Unlock()
	return x.stream.Send(message)
}

// Standard input and the terminal's size, until the stream or its sending half ends.
func (x *execution) feed() {
	for {
		request, err := x.stream.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				x.endInput()
			}
			return
		}
		switch part := request.GetRequest().(type) {
		case *pb.ExecRequest_Stdin:
			x.input(part.Stdin)
		case *pb.ExecRequest_StdinClose:
			x.endInput()
		case *pb.ExecRequest_Resize:
			// A size that cannot be is of no use to tell about.
			_ = x.resize(part.Resize)
		}
	}
}

func (x *execution) input(bytes []byte) {
	if len(bytes) == 0 {
		return
	}
	x.lineEnded = bytes[len(bytes)-1] == '\n' || bytes[len(bytes)-1] == '\r'
	file := x.process.Stdin
	if x.process.Terminal != nil {
		file = x.process.Terminal
	}
	if file == nil {
		return
	}
	// A command that does not read is no error; further input goes nowhere.
	_, _ = file.Write(bytes)
}

func (x *execution) endInput() {
	if x.process.Terminal != nil {
		x.input(x.process.EndOfInput(x.lineEnded))
		return
	}
	if x.process.Stdin != nil {
		x.process.Stdin.Close()
	}
}

func (x *execution) resize(asked *pb.WindowSize) error {
	size, refusal := sizeOf(asked.GetRows(), asked.GetCols())
	if refusal != nil {
		return status.Error(codes.InvalidArgument, refusal.Message)
	}
	if x.process.Terminal == nil {
		return status.Error(codes.FailedPrecondition, "the command has no terminal")
	}
	// Fails only where it has ended.
	_ = x.process.Resize(size)
	return nil
}

func (x *execution) closeOutput(which *pb.CloseOutput) {
	if which.GetStdout() && x.process.Stdout != nil {
		x.process.Stdout.Close()
	}
	if which.GetStderr() && x.process.Stderr != nil {
		x.process.Stderr.Close()
	}
	if which.GetStdout() && which.GetStderr() && x.process.Terminal != nil {
		x.process.Terminal.Close()
	}
}

func (x *execution) closeFiles() {
	for _, file := range []*os.File{x.process.Stdin, x.process.Stdout, x.process.Stderr, x.process.Terminal} {
		if file != nil {
			file.Close()
		}
	}
}

func (x *execution) signal(asked *pb.Signal) (int, error) {
	signal, err := signalOf(asked.GetNumber())
	if err != nil {
		return 0, err
	}
	if asked.KillAfterMs != nil && !x.askForEnd(milliseconds(asked.GetKillAfterMs())) {
		return 0, errNotRunning
	}
	left := 0
	switch {
	case asked.GetTarget() == pb.Signal_COMMAND:
		x.tree.Look()
		// Fails only where it has ended.
		_ = x.process.Signal(signal)
	case asked.GetTarget() == pb.Signal_GROUP:
		x.signalGroup(signal)
	case signal == unix.SIGKILL:
		x.treeKilled.Store(true)
		left = x.tree.Kill()
	default:
		x.tree.Signal(signal)
	}
	return left, nil
}

func (x *execution) askForEnd(after time.Duration) bool {
	x.controlLock.Lock()
	defer x.controlLock.Unlock()
	if x.over {
		return false
	}
	select {
	case x.ends <- after:
	default:
		// Its end has been asked for, and the clock runs.
	}
	return true
}

// What Ctrl-C does: the command's group, and the one in the foreground of its terminal.
func (x *execution) signalGroup(signal unix.Signal) {
	x.tree.Look()
	x.tree.SignalGroup(x.process.Pid, signal)
	if foreground := x.process.ForegroundGroup(); foreground > 0 && foreground != x.process.Pid {
		x.tree.SignalGroup(foreground, signal)
	}
}
